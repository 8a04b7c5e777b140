"""What the set-up writes to the machine while it installs packages goes again."""

from pathlib import Path

import pytest

from tests.bed.system import MARK, standing


def test_a_file_that_was_not_there_is_gone_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with standing(path, f"# {MARK}\n", 0o755):
        assert path.stat().st_mode & 0o777 == 0o755
    assert not path.parent.exists()


def test_what_stood_there_comes_back_also_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("theirs")
    path.chmod(0o700)
    with pytest.raises(RuntimeError), standing(path, f"# {MARK}\n", 0o755):
        raise RuntimeError
    assert path.read_text() == "theirs"
    assert path.stat().st_mode & 0o777 == 0o700


def test_what_a_killed_run_left_does_not_come_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(f"# {MARK}\n")
    with standing(path, f"# {MARK}\nmore\n", 0o755):
        assert "more" in path.read_text()
    assert not path.exists()
