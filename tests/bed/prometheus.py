"""promtool and Prometheus: the machine's own, else Debian's package, unpacked into the cache, not installed; and its operator's CRDs."""

import shutil
from pathlib import Path

from tests.bed import paths
from tests.bed.debian import unpacked
from tests.bed.go import toolchain
from tests.bed.progress import Say, say

_OPERATOR, OPERATOR = "github.com/prometheus-operator/prometheus-operator", "0.85.0"


def program(name: str, voice: Say = say) -> Path:
    """Where `promtool` or `prometheus` is. Raises BedError on a machine that has neither it nor apt-get."""
    if machine := shutil.which(name):
        return Path(machine)
    return unpacked("prometheus", voice) / "usr" / "bin" / name


def operator_crds(*kinds: str, voice: Say = say) -> list[Path]:
    """The CRDs of the operator for Prometheus, from its Go module. kinds: their plurals."""
    paths.cache().mkdir(parents=True, exist_ok=True)
    module = toolchain(voice).module(_OPERATOR, OPERATOR, cwd=paths.cache())
    return [module / "example" / "prometheus-operator-crd" / f"monitoring.coreos.com_{kind}.yaml" for kind in kinds]
