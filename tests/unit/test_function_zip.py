"""The rotation function's zip: nothing but itself is needed to run it, and its libpq is the one that is used."""

import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from image import function_zip
from tests.bed.paths import REPO

PACKAGES = Path(sysconfig.get_path("purelib"))
LIBPQ = Path("/usr/lib") / str(sysconfig.get_config_var("MULTIARCH")) / "libpq.so.5"
RUNS = """
import sys
sys.path.insert(0, sys.argv[1])
import entry
from psycopg import pq
loaded = {line.split()[-1] for line in open("/proc/self/maps") if "libpq" in line or "libssl" in line}
try:
    entry.handler({"Step": "none"}, None)
except Exception as no:
    print(f"{type(no).__name__}: {no}")
print("\\n".join(sorted(loaded)))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of this environment's packages, unpacked as Lambda does."""
    if not LIBPQ.exists():
        pytest.skip(f"{LIBPQ} is not installed")
    folder = tmp_path_factory.mktemp("function")
    bundle = folder / "bundle.pem"
    bundle.write_text("a bundle")
    function_zip.build(folder / "function.zip", PACKAGES, bundle)
    with zipfile.ZipFile(folder / "function.zip") as made:
        made.extractall(folder / "task")
    return folder / "task"


def test_it_runs_with_nothing_beside_it_and_its_own_libpq(unpacked: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", RUNS, unpacked],
        env={"LD_LIBRARY_PATH": f"{unpacked}/lib", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    line, said, *loaded = ran.stdout.splitlines() or [ran.stderr, ""]
    assert json.loads(line)["reason"] == "InvalidParameter", ran.stderr
    assert said.startswith("Refused: this is no event of a rotation"), ran.stderr
    assert loaded
    assert all(path.startswith(str(unpacked / "lib")) for path in loaded), loaded


def test_it_holds_what_a_function_needs_and_no_more(unpacked: Path) -> None:
    assert (unpacked / "rds-ca-bundle.pem").read_text() == "a bundle"
    described = {path.name for path in (unpacked / "botocore" / "data").iterdir() if path.is_dir()}
    assert described == set(function_zip.SERVICES)
    assert not (unpacked / "kubernetes").exists()
    assert not any("__pycache__" in path.parts for path in unpacked.rglob("*"))


def test_every_package_of_it_is_locked() -> None:
    locked = {name.lower() for name in re.findall(r"^([\w.-]+)==", (REPO / "requirements" / "run.txt").read_text(), re.MULTILINE)}
    assert {name.replace("_", "-") for name in locked} >= function_zip.NAMES


def test_a_python_that_lambda_runs_on_an_older_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"3\.12 or later"):
        function_zip.main([str(tmp_path / "x.zip"), "3.11"])
