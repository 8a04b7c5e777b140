"""Which of the bed's programs are built, and which are there already."""

from pathlib import Path

import pytest

from tests.bed import build


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    folder = tmp_path / "rotated-rds" / "bin"
    folder.mkdir(parents=True)
    return folder


def stand(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def names_missing(*names: str) -> list[str]:
    return [one.name for one in build.missing(names)]


def test_in_an_empty_cache_everything_is_missing() -> None:
    assert names_missing(*build.PROGRAMS) == list(build.PROGRAMS)


def test_a_program_with_the_stamp_of_its_version_is_there(cache: Path) -> None:
    stand(cache, "kwok", f".kwok-{build.KWOK}")
    assert names_missing("kwok", "etcd") == ["etcd"]


def test_a_program_of_another_version_is_missing(cache: Path) -> None:
    stand(cache, "kwok", ".kwok-0.0.1")
    assert names_missing("kwok") == ["kwok"]


def test_a_stamp_without_its_program_is_missing(cache: Path) -> None:
    stand(cache, f".kwok-{build.KWOK}")
    assert names_missing("kwok") == ["kwok"]


def test_what_the_machine_gives_is_used_and_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    stand(assets, "etcd")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    assert build.program("etcd") == assets / "etcd"
    assert names_missing("etcd", "kubectl") == ["kubectl"]


def test_a_name_of_no_program_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["kublet"]) == 2
    assert "kublet" in capsys.readouterr().out
