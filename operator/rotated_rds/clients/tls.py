"""How a login checks the server's certificate: the CA file, and Python's context for it."""

import os
import ssl
from functools import lru_cache

from rotated_rds.model.database import Tls, TlsMode

# Debian and Alpine; Red Hat; BSD. OpenSSL's own default comes first.
_SYSTEM = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
NOWHERE = "/dev/null/none"  # a path that cannot exist: libpq reads its default files only where nothing is named


def ca_file(tls: Tls) -> str:
    """Name the PEM bundle to trust: the endpoint's own, else the system's; a path that cannot exist where there is neither."""
    return tls.ca_file or system_bundle() or NOWHERE


def system_bundle() -> str | None:
    """Where the machine keeps its CAs as one file; None where it keeps none."""
    candidates = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *_SYSTEM)
    return next((path for path in candidates if path and os.path.exists(path)), None)  # noqa: PTH110  a str either way


def context(tls: Tls) -> ssl.SSLContext | None:
    """Python's context for the mode; None for no TLS. Raises OSError where the CA file cannot be read."""
    if tls.mode is TlsMode.DISABLE:
        return None
    file = ca_file(tls)
    return _context(tls.mode, file, os.stat(file).st_mtime_ns if tls.mode.verified else 0)  # noqa: PTH116  a str, as ca_file gives


@lru_cache(maxsize=32)
def _context(mode: TlsMode, file: str, _changed: int) -> ssl.SSLContext:
    """Made once: reading a hundred CAs takes longer than the login. _changed: so that a bundle that was replaced is read again."""
    if mode is TlsMode.REQUIRE:
        made = ssl.create_default_context()
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        return made
    made = ssl.create_default_context(cafile=file)
    # Python 3.13's strictness refuses CAs that libpq and every other client accept.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.check_hostname = mode is TlsMode.VERIFY_FULL
    return made
