"""CA bundles as files: found again by their content, and gone with who made them."""

import ssl
from pathlib import Path

import pytest

from rotated_rds.clients import tls
from rotated_rds.clients.cafiles import CaFiles
from rotated_rds.model.errors import Reason, Refused
from tests.bed.pki import Authority


@pytest.fixture
def pem(tmp_path: Path) -> str:
    return Authority(tmp_path / "pki").ca.certificate.read_text()


def test_the_same_bundle_is_the_same_file(pem: str) -> None:
    files = CaFiles([])
    given = files.given(pem, "spec.database.tls.caConfigMapRef")
    assert files.given(pem, "spec.database.tls.caConfigMapRef") == given
    assert Path(given).read_text() == pem


def test_text_without_a_certificate_is_refused_by_its_field() -> None:
    with pytest.raises(Refused, match=r"spec\.database\.tls\.caConfigMapRef: .* store one there") as no:
        CaFiles([]).given("hello", "spec.database.tls.caConfigMapRef")
    assert no.value.reason is Reason.INVALID_SPEC


def test_the_extra_file_is_trusted_beside_the_system_s_own_where_openssl_names_no_file(
    pem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = ssl.get_default_verify_paths()._replace(cafile=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    system, extra = tmp_path / "ca-certificates.crt", tmp_path / "extra.pem"
    system.write_text(Authority(tmp_path / "system").ca.certificate.read_text())
    extra.write_text(pem)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(tls, "_SYSTEM", (str(system),))
    files = CaFiles([extra])
    assert Path(files.default() or "").read_text() == f"{system.read_text()}\n{pem}"


def test_its_files_go_with_it(pem: str) -> None:
    files = CaFiles([])
    given = Path(files.given(pem, "spec.database.tls.caConfigMapRef"))
    assert given.exists()
    del files
    assert not given.parent.exists()
