"""Images, made by buildah from what the machine has: no registry is asked for one."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bed import build, paths
from tests.bed.locks import locked
from tests.bed.node.containers import PAUSE
from tests.bed.node.network import environment
from tests.bed.processes import BedError
from tests.bed.progress import Say, elapsing

SUITE, BASE = "trixie", "localhost/rotated-rds/base:trixie-1"
"""A stand-in for the public python:3.13-slim, from the same Debian release and the same Python: it differs in where Python stands."""
_PACKAGES = ("python3", "python3-venv", "ca-certificates")
_DROPPED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man", "var/log")
_KEPT = 3  # first stages of earlier builds
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The machine's own CAs, for a build behind a proxy that has one; mounted, so that no layer holds them.
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Image:
    """One image of the cache's store, as its configuration says."""

    id: str
    user: str
    labels: Mapping[str, str]


def folder() -> Path:
    return paths.cache() / "images"


def buildah(*words: str | Path) -> str:
    """buildah on the cache's store, in a mount namespace of its own: what it mounts is gone with it. BedError with its last words."""
    _configure()
    told = {**environment(), "CONTAINERS_STORAGE_CONF": str(folder() / "storage.conf"), "TMPDIR": str(folder() / "tmp")}
    command = ["unshare", "--mount", "--propagation", "private", "--", "buildah", *map(str, words)]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise BedError(f"buildah {words[0]} failed:\n{tail}")
    return done.stdout


def _configure() -> None:
    (folder() / "tmp").mkdir(parents=True, exist_ok=True)
    text = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder()}/store"\nrunroot = "{folder()}/run"\n'
    (folder() / "storage.conf").write_text(text)


def pause(say: Say) -> Path:
    """The archive of the image that holds a Pod's namespaces."""
    archive = folder() / f"pause-{build.PAUSE}.tar"
    with locked(folder() / "pause.lock", "the image of a Pod's sandbox", say):
        if not archive.exists():
            draft = archive.with_suffix(".new")
            draft.unlink(missing_ok=True)
            _commit(PAUSE, build.program("pause"), "/pause", "--entrypoint", '["/pause"]')
            save(PAUSE, draft)
            draft.rename(archive)
    return archive


def base(say: Say) -> str:
    """The base image's name, made by debootstrap if the store has none yet (about a minute)."""
    with locked(folder() / "base.lock", "the base image", say):
        if find(BASE) is None:
            with elapsing(f"making a base image from Debian {SUITE}", say):
                _make_base()
    return BASE


def _make_base() -> None:
    root = folder() / "tmp" / "root"
    shutil.rmtree(root, ignore_errors=True)
    _configure()
    _run("debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", SUITE, root)
    for name in _DROPPED:
        for path in (root / name).glob("*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    _commit(BASE, root, "/", "--env", f"PATH={_PATH}", "--env", "LANG=C.UTF-8", "--cmd", "python3")
    shutil.rmtree(root)


def _run(*words: str | Path) -> None:
    command = ["unshare", "--mount", "--propagation", "private", "--", *map(str, words)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BedError(f"{words[0]} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _commit(name: str, source: Path, place: str, *configuration: str) -> None:
    """One layer from scratch."""
    container = buildah("from", "scratch").strip()
    try:
        buildah("add", "-q", container, source, place)
        buildah("config", *configuration, container)
        buildah("commit", "-q", container, name)
    finally:
        buildah("rm", container)


def bake(context: Path, name: str, arguments: Mapping[str, str], *, anew: bool = False) -> None:
    """Build the context's Dockerfile; steps that did not change come from the store, unless all are to be taken anew."""
    before = find(name)
    given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    mounts = [f"--volume={_AUTHORITIES}:{_AUTHORITIES}:ro"] if _AUTHORITIES.exists() else []
    steps = "--no-cache" if anew else "--layers"
    buildah("bud", "--isolation=chroot", "--network=host", "--pull-never", steps, "-t", name, *mounts, *given, context)
    after = find(name)
    if before and after and before.id != after.id:
        _forget(before.id)
    for stage in _stages()[_KEPT:]:
        _forget(stage)


def _stages() -> list[str]:
    """Images without a name, the newest first: the first stages of builds, whose steps a later build may take over."""
    known: list[dict[str, Any]] = json.loads(buildah("images", "--json") or "[]")
    return [one["id"] for one in sorted(known, key=lambda one: -one["created"]) if not one.get("names")]


def _forget(image: str) -> None:
    """An older build; layers that a newer one shares stay. One that another build uses right now is left for the next time."""
    with suppress(BedError):
        buildah("rmi", image)


def find(name: str) -> Image | None:
    """The image of that name in the store."""
    known: list[dict[str, Any]] = json.loads(buildah("images", "--json") or "[]")
    if not any(name in (one.get("names") or []) for one in known):
        return None
    seen: dict[str, Any] = json.loads(buildah("inspect", "--type=image", name))
    told = seen["OCIv1"]["config"]
    return Image(
        id=seen["FromImageID"],
        user=told.get("User", ""),
        labels=told.get("Labels") or {},
    )


def layers(archive: Path) -> list[int]:
    """The bytes of each layer of an archive, unpacked, from the base up."""
    with tarfile.open(archive) as whole:
        manifest = whole.extractfile("manifest.json")
        told: list[dict[str, list[str]]] = json.load(manifest) if manifest else []
        return [whole.getmember(name).size for one in told for name in one["Layers"]]


def save(name: str, archive: Path) -> None:
    """Write an image as an archive that carries its name, uncompressed: it is read once, on this machine."""
    archive.unlink(missing_ok=True)
    buildah("push", "-q", "--disable-compression", name, f"docker-archive:{archive}:{name}")
