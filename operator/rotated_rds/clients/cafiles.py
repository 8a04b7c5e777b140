"""CA bundles as files: drivers want a path, users give PEM texts."""

import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rotated_rds.clients.tls import system_bundle
from rotated_rds.model.errors import Reason, Refused


class CaFiles:
    """Bundles in a folder of the process's own, by the digest of their content; it is removed with this.

    extra: PEM files (the image's RDS bundle, the setting --ca-file) that are trusted beside the system's CAs.
    """

    def __init__(self, extra: Sequence[Path]) -> None:
        self._extra = extra
        self._folder = TemporaryDirectory(prefix="rotated-rds-ca-")
        self._default: str | None = None

    def default(self) -> str | None:
        """The system's CAs and the extra files as one bundle; None where there is nothing at all."""
        if self._default is None:
            system = system_bundle()
            texts = [path.read_text() for path in (*([Path(system)] if system else []), *self._extra) if path.exists()]
            self._default = self._file("\n".join(texts)) if texts else ""
        return self._default or None

    def given(self, pem: str, field: str) -> str:
        """A user's own bundle. Raises Refused(InvalidSpec) when it holds no certificate."""
        try:
            ssl.create_default_context(cadata=pem)
        except (ssl.SSLError, ValueError):
            raise Refused(Reason.INVALID_SPEC, f"{field}: the ConfigMap's text is no PEM bundle of certificates; store one there") from None
        return self._file(pem)

    def _file(self, text: str) -> str:
        path = Path(self._folder.name) / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.pem"
        if not path.exists():
            path.write_text(text)
        return str(path)
