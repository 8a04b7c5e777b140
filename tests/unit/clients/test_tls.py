"""Python's TLS context for a login: made once a bundle, as reading a hundred CAs takes longer than the login."""

import os
import ssl
from pathlib import Path

import pytest

from rotated_rds.clients.tls import context
from rotated_rds.model.database import Tls, TlsMode
from tests.bed.pki import Authority


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Authority(tmp_path / "one").ca.certificate


def test_one_context_serves_all_logins_by_the_same_bundle(bundle: Path) -> None:
    tls = Tls(TlsMode.VERIFY_FULL, str(bundle))
    assert context(tls) is context(tls)


def test_a_bundle_that_was_replaced_is_read_again(bundle: Path, tmp_path: Path) -> None:
    tls = Tls(TlsMode.VERIFY_FULL, str(bundle))
    before = context(tls)
    bundle.write_bytes(Authority(tmp_path / "two").ca.certificate.read_bytes())
    os.utime(bundle, ns=(0, 0))  # whatever the file system's clock shows
    after = context(tls)
    assert before is not None
    assert after is not None
    assert before.get_ca_certs() != after.get_ca_certs()


def test_modes_do_not_share_a_context(bundle: Path) -> None:
    chain, full = (context(Tls(mode, str(bundle))) for mode in (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL))
    assert chain is not None
    assert full is not None
    assert (chain.check_hostname, full.check_hostname) == (False, True)
    assert chain.verify_mode is full.verify_mode is ssl.CERT_REQUIRED


def test_a_bundle_that_is_not_there_is_an_error_and_not_an_empty_trust(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        context(Tls(TlsMode.VERIFY_FULL, str(tmp_path / "none.pem")))
