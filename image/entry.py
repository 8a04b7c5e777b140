"""The door of the function's zip, `entry.handler`: with the libpq and the CA bundle that lie beside this file, as Lambda has none."""

import ctypes.util
import os
from pathlib import Path

_HERE = Path(__file__).parent
_LIBPQ, _BUNDLE = _HERE / "lib" / "libpq.so.5", _HERE / "rds-ca-bundle.pem"
_find = ctypes.util.find_library


def _find_library(name: str) -> str | None:
    return str(_LIBPQ) if name == "pq" and _LIBPQ.exists() else _find(name)


# Where psycopg asks for it; the libraries that libpq needs are found by LD_LIBRARY_PATH, in which Lambda has this folder's lib.
ctypes.util.find_library = _find_library
if _BUNDLE.exists():
    os.environ.setdefault("ROTATED_RDS_CA_FILE", str(_BUNDLE))

from rotated_rds.function import handler  # noqa: E402  after the settings above

__all__ = ["handler"]
