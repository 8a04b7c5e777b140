"""Take out of the virtual environment what the operator never loads: `python3 prune.py ENVIRONMENT`; standard library only.

A test compares SERVICES with what the operator calls; the image's build imports the operator afterwards.
"""

import shutil
import sys
from pathlib import Path

SERVICES = frozenset({"secretsmanager", "rds", "lambda", "cloudformation", "sqs", "sts", "sso", "sso-oidc", "signin"})
"""AWS services whose descriptions stay: those that are called, and those by which botocore may get credentials."""

_UNUSED = (
    "kubernetes/aio",  # a second client library inside the first, for asyncio: 68 MB
    "kubernetes/docs",
    "*/tests",
)


def main(environment: Path) -> int:
    (packages,) = environment.glob("lib/python3*/site-packages")
    unused = [path for pattern in _UNUSED for path in packages.glob(pattern)]
    unused += [path for path in (packages / "botocore" / "data").iterdir() if path.is_dir() and path.name not in SERVICES]
    for path in unused:
        shutil.rmtree(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
