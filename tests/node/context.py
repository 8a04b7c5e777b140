"""The image's build context: what a checkout gives, with the bed's CA as the bundle of a build without internet."""

import hashlib
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bed.node import images
from tests.bed.paths import REPO

NAME, TAG = "localhost/rotated-rds", "test"
_TAKEN = ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE", "operator", "requirements", "image")
_BUNDLE = "image/bundle.pem"


@contextmanager
def context(bundle: Path) -> Generator[Path]:
    """A copy, so that nothing is written into the checkout."""
    with TemporaryDirectory(prefix="rotated-rds-image-") as folder:
        for name in _TAKEN:
            source, target = REPO / name, Path(folder) / name
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        shutil.copy(bundle, Path(folder) / _BUNDLE)
        yield Path(folder)


def bake(base: str, bundle: Path, *, anew: bool = False) -> str:
    """Build the operator's image on this base with this bundle; returns its name. anew: from nothing but the base."""
    name = f"{NAME}:{TAG}"
    told = {
        "BASE": base,
        "RDS_CA_BUNDLE_FILE": _BUNDLE,
        "RDS_CA_BUNDLE_SHA256": hashlib.sha256(bundle.read_bytes()).hexdigest(),
    }
    with context(bundle) as folder:
        images.bake(folder, name, told, anew=anew)
    return name
