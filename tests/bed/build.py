"""Build the bed's programs from pinned Go modules into the cache, once: `python -m tests.bed.build [PROGRAM ...]`."""

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from tests.bed import paths
from tests.bed.go import Go, toolchain
from tests.bed.locks import locked
from tests.bed.processes import BedError
from tests.bed.progress import Say, elapsing, say

KUBERNETES, ETCD, KWOK, HELM, CONTAINERD, PAUSE = "1.36.3", "3.6.13", "0.8.0", "4.3.1", "2.4.2", "1"
TFLINT = "0.64.0"
ARGO_ROLLOUTS = "1.10.1"  # the newest that builds with the pinned go
_STRIP = "-s -w"
_PAUSE = Path(__file__).parent / "node" / "pause.go"
_ARGO = "github.com/argoproj/argo-rollouts"
_OURS = paths.REPO / "tests" / "gitops" / "go"
_STAGED = re.compile(r"^\s*(k8s\.io/[a-z-]+) => \./staging/", re.MULTILINE)


@dataclass(frozen=True)
class Bench:
    """What a recipe works with: the toolchain, a folder to write in, and where the program must stand in the end."""

    go: Go
    scratch: Path
    output: Path

    def build(self, package: str, *, linker: str = _STRIP, cwd: Path, flags: Sequence[str] = ()) -> None:
        self.go.run("build", *flags, "-ldflags", linker, "-o", str(self.output), package, cwd=cwd)

    def build_required(self, package: str, requirements: str, *, linker: str = _STRIP) -> None:
        """Build a package of a module that a module of ours requires."""
        (self.scratch / "go.mod").write_text(f"module scratch\ngo 1.26.0\n{requirements}")
        self.build(package, linker=linker, cwd=self.scratch, flags=["-mod=mod"])


Recipe = Callable[[Bench], None]


@dataclass(frozen=True)
class Program:
    """One executable of the cache, and the stamp that says which version stands there."""

    name: str
    version: str
    recipe: Recipe

    @property
    def path(self) -> Path:
        return paths.binaries() / self.name

    @property
    def stamp(self) -> Path:
        return paths.binaries() / f".{self.name}-{self.version}"

    @property
    def built(self) -> bool:
        return self.path.exists() and self.stamp.exists()


def _etcd(bench: Bench) -> None:
    """`go install` refuses a module with replace lines."""
    bench.build_required("go.etcd.io/etcd/server/v3", f"require go.etcd.io/etcd/server/v3 v{ETCD}\n")


def _kubernetes(command: str, bench: Bench) -> None:
    """The module replaces its staging modules by paths that its zip lacks, so a module of ours names their releases."""
    source = bench.go.module("k8s.io/kubernetes", KUBERNETES, cwd=bench.scratch)
    staged = _STAGED.findall((source / "go.mod").read_text())
    release = f"v0.{KUBERNETES.removeprefix('1.')}"
    replaces = "".join(f"  {module} => {module} {release}\n" for module in staged)
    shutil.copyfile(source / "go.sum", bench.scratch / "go.sum")
    major, minor, _ = KUBERNETES.split(".")
    said = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor}
    linker = " ".join([_STRIP, *(f"-X k8s.io/component-base/version.{key}={value}" for key, value in said.items())])
    requirements = f"require k8s.io/kubernetes v{KUBERNETES}\nreplace (\n{replaces})\n"
    bench.build_required(f"k8s.io/kubernetes/cmd/{command}", requirements, linker=linker)


def _own_folder(module: str, version: str, bench: Bench, *, linker: str = _STRIP, flags: Sequence[str] = ()) -> None:
    """Built inside a writable copy of its own module, with its own go.sum."""
    source = bench.scratch / "source"
    shutil.copytree(bench.go.module(module, version, cwd=bench.scratch), source)
    for path in [source, *source.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    bench.build(f"./cmd/{bench.output.name}", cwd=source, linker=linker, flags=flags)


def _containerd(bench: Bench) -> None:
    """Without the file systems that need C."""
    module = "github.com/containerd/containerd/v2"
    linker = f"{_STRIP} -X {module}/version.Version=v{CONTAINERD}"
    _own_folder(module, CONTAINERD, bench, linker=linker, flags=["-tags", "no_btrfs no_devmapper no_zfs"])


def _tflint(bench: Bench) -> None:
    """Holds the rules for Terraform's language; those for AWS's arguments are a program of their own, which no module gives."""
    module = "github.com/terraform-linters/tflint"
    bench.build_required(module, f"require {module} v{TFLINT}\n")


def _pause(bench: Bench) -> None:
    """Ours: the process that keeps a Pod's namespaces, and a node's."""
    shutil.copyfile(_PAUSE, bench.scratch / "main.go")
    bench.build("main.go", cwd=bench.scratch)


def _ours(bench: Bench) -> None:
    """From its source in tests/, with its own go.sum."""
    source = bench.scratch / "source"
    shutil.copytree(_OURS / bench.output.name, source)
    bench.build(".", cwd=source)


def _our_program(name: str) -> Program:
    """Its version is its source's: it is built anew when that changes."""
    content = b"".join(path.read_bytes() for path in sorted((_OURS / name).iterdir()))
    return Program(name, f"0-{hashlib.sha256(content).hexdigest()[:12]}", _ours)


def _argo_crds(bench: Bench) -> None:
    """Its kinds, as its own module has them, in one file that is read in a moment."""
    crds = bench.go.module(_ARGO, ARGO_ROLLOUTS, cwd=bench.scratch) / "manifests" / "crds"
    bench.output.write_text(json.dumps([yaml.safe_load(path.read_text()) for path in sorted(crds.glob("*-crd.yaml"))]))


def _kubernetes_program(command: str) -> Program:
    return Program(command, KUBERNETES, partial(_kubernetes, command))


NODE = ("kubelet", "kube-proxy", "containerd", "containerd-shim-runc-v2", "ctr", "pause")
"""What only a real node needs."""
ON_REQUEST = ("rollouts-controller", "argodiff", "tflint")
"""What takes too long to build for everybody; tests do without where it is not there, and say so."""

PROGRAMS: dict[str, Program] = {
    program.name: program
    for program in (
        Program("etcd", ETCD, _etcd),
        _kubernetes_program("kube-apiserver"),
        _kubernetes_program("kubectl"),
        _kubernetes_program("kube-controller-manager"),
        _kubernetes_program("kube-scheduler"),
        Program("kwok", KWOK, partial(_own_folder, "sigs.k8s.io/kwok", KWOK)),
        Program("rollouts-controller", ARGO_ROLLOUTS, partial(_own_folder, _ARGO, ARGO_ROLLOUTS)),
        Program("rollouts-crds.json", ARGO_ROLLOUTS, _argo_crds),
        Program("helm", HELM, partial(_own_folder, "helm.sh/helm/v4", HELM)),
        _kubernetes_program("kubelet"),
        _kubernetes_program("kube-proxy"),
        Program("containerd", CONTAINERD, _containerd),
        Program("containerd-shim-runc-v2", CONTAINERD, _containerd),
        Program("ctr", CONTAINERD, _containerd),
        Program("pause", PAUSE, _pause),
        Program("tflint", TFLINT, _tflint),
        _our_program("kstatus"),
        _our_program("argolua"),
        _our_program("argodiff"),
    )
}


def program(name: str) -> Path:
    """Where a program of the bed is: in `$KUBEBUILDER_ASSETS` when that has it, else in the cache (see `ensure`)."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    given = Path(assets) / name if assets else None
    return given if given and given.exists() else PROGRAMS[name].path


def missing(names: Iterable[str]) -> list[Program]:
    """Those that are neither given by the machine nor built."""
    wanted = (PROGRAMS[name] for name in names)
    return [one for one in wanted if program(one.name) == one.path and not one.built]


def ensure(names: Iterable[str], voice: Say = say) -> None:
    """Build what is missing; one run builds at a time, the others wait and find it built."""
    names = list(names)
    if not missing(names):
        return
    with locked(paths.binaries() / ".lock", "the build", voice):
        wanted = missing(names)
        go = toolchain(voice) if wanted else None
        for one in wanted:
            if go:
                _build(one, go, voice)


def _build(one: Program, go: Go, voice: Say) -> None:
    with elapsing(f"building {one.name} {one.version}", voice), tempfile.TemporaryDirectory() as scratch, _beside() as beside:
        finished = Path(beside) / one.name
        one.recipe(Bench(go, Path(scratch), finished))
        for old in paths.binaries().glob(f".{one.name}-[0-9]*"):
            old.unlink()
        finished.replace(one.path)
        one.stamp.touch()


def _beside() -> tempfile.TemporaryDirectory[str]:
    """A folder on the same file system as the cache: the finished program moves into place in one step."""
    return tempfile.TemporaryDirectory(dir=paths.binaries(), prefix=".building-")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PROGRAMS]
    if unknown:
        say(f"no such program: {', '.join(unknown)}; there are {', '.join(PROGRAMS)}")
        return 2
    try:
        ensure(names or PROGRAMS)
    except BedError as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
