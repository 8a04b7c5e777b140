"""Write Amazon RDS's CA bundle into the image: `python3 ca_bundle.py TARGET`; standard library only.

From the environment: RDS_CA_BUNDLE_FILE, a file of the build context, else RDS_CA_BUNDLE_URL, fetched; RDS_CA_BUNDLE_SHA256, its digest.
"""

import hashlib
import os
import ssl
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

_SECONDS = 30


def main(target: Path, told: Mapping[str, str]) -> int:
    """Write bundle and source, or say what is wrong and with what to mend it."""
    file, url, wanted = (told.get(f"RDS_CA_BUNDLE_{name}", "") for name in ("FILE", "URL", "SHA256"))
    try:
        content = Path(file).read_bytes() if file else _fetched(url)
    except OSError as error:
        return _fail(f"{'RDS_CA_BUNDLE_FILE' if file else 'RDS_CA_BUNDLE_URL'}: {file or url}: {error}; without internet name a file")
    digest = hashlib.sha256(content).hexdigest()
    if digest != wanted:
        return _fail(f"RDS_CA_BUNDLE_SHA256: {file or url} has {digest}, not {wanted}; look at what changed, then pin it (docs/image.md)")
    try:
        certificates = _certificates(content.decode())
    except (ValueError, ssl.SSLError):
        return _fail(f"{file or url} is no PEM bundle of certificates")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.with_suffix(".source").write_text(f"source: {file or url}\nsha256: {digest}\ncertificates: {certificates}\n")
    return 0


def _fetched(url: str) -> bytes:
    if not url.startswith("https://"):
        raise OSError("not an https:// address")
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - https only, as checked above
        return answer.read()


def _certificates(pem: str) -> int:
    """How many there are. Raises ssl.SSLError when there is none, or one that cannot be read."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    return pem.count("-----BEGIN CERTIFICATE-----")


def _fail(what: str) -> int:
    sys.stderr.write(f"{what}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), os.environ))
