"""Build the rotation function's zip: `python -m image.function_zip TARGET PYTHON_VERSION [CA_BUNDLE]`; needs pip and libpq5.

The zip is for that Python, this machine's processor and Amazon Linux 2023. Inside: the operator's package, what it imports as a
function, libpq with what it needs, RDS's CA bundle if one is given, and `entry.py`, whose `handler` Lambda calls.
"""

import platform
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from image.prune import SERVICES

REPO = Path(__file__).parent.parent
PACKAGES = (
    "annotated-types", "boto3", "botocore", "certifi", "cffi", "cronsim", "cryptography", "durationpy", "jmespath", "prometheus-client",
    "psycopg", "pycparser", "pydantic", "pydantic-core", "pymysql", "python-dateutil", "s3transfer", "six", "typing-extensions",
    "typing-inspection", "urllib3",
)  # fmt: skip
"""What the function imports; a test compares it with what is imported. Lambda's own boto3 may not know RotationToken yet."""
NAMES = frozenset(name.replace("_", "-") for name in PACKAGES)

LEAST_PYTHON = (3, 12)  # the first that Lambda runs on Amazon Linux 2023
NEWEST_GLIBC = (2, 34)  # Amazon Linux 2023's
_WHEELS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
_GLIBC = re.compile(r"^(ld-linux.*|linux-vdso.*|lib(c|m|dl|pthread|rt|resolv|util))\.so")
_DATE = (2026, 1, 1, 0, 0, 0)  # the same content makes the same zip
_LIMIT = 262_144_000  # bytes that a function may have unpacked


def install(packages: Path, python: str) -> None:
    """The locked packages by their hashes, as wheels for that Python, into a folder."""
    lines = (REPO / "requirements" / "run.txt").read_text().replace("\\\n", "")
    wanted = [line for line in lines.splitlines() if re.split(r"==| ", line)[0].lower().replace("_", "-") in NAMES]
    lock = packages.parent / "function.txt"
    lock.write_text("\n".join(line.partition(" #")[0] for line in wanted))
    platforms = [f"--platform={wheel}_{platform.machine()}" for wheel in _WHEELS]
    asked = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", f"--python-version={python}", *platforms]
    subprocess.run([sys.executable, "-m", "pip", "install", *asked, f"--target={packages}", "-r", lock], check=True)


def _packages(folder: Path) -> Iterator[tuple[str, Path]]:
    for one in metadata.distributions(path=[str(folder)]):
        if one.name.lower().replace("_", "-") not in NAMES:
            continue
        for file in one.files or ():
            if not file.parts[0].startswith("..") and "__pycache__" not in file.parts and not _is_unused(file.parts):
                yield file.as_posix(), Path(str(file.locate()))


def _is_unused(parts: tuple[str, ...]) -> bool:
    """botocore/data/SERVICE/… of services that nobody calls, and tests."""
    match parts:
        case ("botocore", "data", service, _, *_):
            return service not in SERVICES
        case _:
            return "tests" in parts[1:]


def _own() -> Iterator[tuple[str, Path]]:
    source = REPO / "operator"
    yield from ((path.relative_to(source).as_posix(), path) for path in sorted((source / "rotated_rds").rglob("*.py")))
    yield "entry.py", REPO / "image" / "entry.py"


def _libraries() -> Iterator[tuple[str, Path]]:
    """Libpq and all that it loads but the C library's own."""
    libpq = Path("/usr/lib") / str(sysconfig.get_config_var("MULTIARCH")) / "libpq.so.5"
    if not libpq.exists():
        raise SystemExit(f"{libpq}: not there; install libpq5")
    told = subprocess.run(["ldd", libpq], capture_output=True, text=True, check=True).stdout
    needed = [Path(path) for path in re.findall(r"=> (/\S+)", told)]
    for path in (libpq, *needed):
        if not _GLIBC.match(path.name):
            _check_glibc(path)
            yield f"lib/{path.name}", path


def _check_glibc(library: Path) -> None:
    """A library that was built for a newer C library than Lambda's would not load there."""
    found = re.findall(rb"GLIBC_(\d+)\.(\d+)", library.read_bytes())
    wants = max([(0, 0), *((int(major), int(minor)) for major, minor in found)])
    if wants > NEWEST_GLIBC:
        raise SystemExit(f"{library} needs glibc {wants[0]}.{wants[1]}, Lambda has {NEWEST_GLIBC[0]}.{NEWEST_GLIBC[1]}: build on Debian 12")


def build(target: Path, packages: Path, bundle: Path | None) -> int:
    """Write the zip from a folder of installed packages; returns its content's size in bytes."""
    files = dict([*_packages(packages), *_own(), *_libraries(), *([("rds-ca-bundle.pem", bundle)] if bundle else [])])
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = (0o755 if name.startswith("lib/") else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, path.read_bytes())
        return sum(one.file_size for one in made.infolist())


def main(words: list[str]) -> int:
    target, python, bundle = Path(words[0]), words[1], Path(words[2]) if words[2:] and words[2] else None
    if tuple(map(int, python.split("."))) < LEAST_PYTHON:
        raise SystemExit(f"{python}: Lambda runs it on an older system than libpq needs; take {'.'.join(map(str, LEAST_PYTHON))} or later")
    with TemporaryDirectory() as folder:
        packages = Path(folder) / "packages"
        install(packages, python)
        size = build(target, packages, bundle)
    if size > _LIMIT:
        raise SystemExit(f"{target}: {size} bytes unpacked, Lambda takes {_LIMIT}")
    said = [
        f"runtime python{python}",
        platform.machine(),
        "handler entry.handler",
        f"{target.stat().st_size >> 20} MiB, unpacked {size >> 20}",
    ]
    sys.stdout.write(
        f"{target}: {', '.join(said)}" + ("" if bundle else "; no CA bundle inside: give CA=FILE, or set ROTATED_RDS_CA_FILE") + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
