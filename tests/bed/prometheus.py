"""promtool and Prometheus: the machine's own, else Debian's package, unpacked into the cache, not installed; and its operator's CRDs."""

import shutil
import subprocess
from pathlib import Path

from tests.bed import paths
from tests.bed.go import toolchain
from tests.bed.locks import locked
from tests.bed.processes import BedError
from tests.bed.progress import Say, elapsing, say

_PACKAGE = "prometheus"
_OPERATOR, OPERATOR = "github.com/prometheus-operator/prometheus-operator", "0.85.0"


def program(name: str, voice: Say = say) -> Path:
    """Where `promtool` or `prometheus` is. Raises BedError on a machine that has neither it nor apt-get."""
    if machine := shutil.which(name):
        return Path(machine)
    folder = paths.cache() / "prometheus-debian"
    with locked(paths.cache() / "prometheus-debian.lock", "the programs of Prometheus", voice):
        if not (folder / "stamp").exists():
            with elapsing("unpacking Debian's prometheus", voice):
                _unpack(folder)
    return folder / "usr" / "bin" / name


def operator_crds(*kinds: str, voice: Say = say) -> list[Path]:
    """The CRDs of the operator for Prometheus, from its Go module. kinds: their plurals."""
    paths.cache().mkdir(parents=True, exist_ok=True)
    module = toolchain(voice).module(_OPERATOR, OPERATOR, cwd=paths.cache())
    return [module / "example" / "prometheus-operator-crd" / f"monitoring.coreos.com_{kind}.yaml" for kind in kinds]


def _unpack(folder: Path) -> None:
    if shutil.which("apt-get") is None:
        raise BedError("this machine has neither promtool and prometheus nor apt-get: put both on PATH")
    scratch = folder.with_suffix(".new")
    for old in (scratch, folder):
        shutil.rmtree(old, ignore_errors=True)
    scratch.mkdir(parents=True)
    if _run("apt-get", "-qq", "download", _PACKAGE, cwd=scratch):
        _must("apt-get", "-qq", "update", cwd=scratch)  # a fresh machine knows no packages yet
        _must("apt-get", "-qq", "download", _PACKAGE, cwd=scratch)
    (package,) = scratch.glob("*.deb")
    _must("dpkg-deb", "-x", package.name, ".", cwd=scratch)
    package.unlink()
    (scratch / "stamp").touch()
    scratch.rename(folder)


def _run(*words: str, cwd: Path) -> str | None:
    """What it complains of; None when it went well."""
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr)[-2000:] or f"code {done.returncode}" if done.returncode else None


def _must(*words: str, cwd: Path) -> None:
    if complaint := _run(*words, cwd=cwd):
        raise BedError(f"{' '.join(words)} failed:\n{complaint}")
