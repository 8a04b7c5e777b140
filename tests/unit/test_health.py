"""The pages are served on every interface, whatever addresses the kernel knows."""

import urllib.error
import urllib.request

import pytest

from rotated_rds import health


def page(port: int, name: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=5) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("ipv6", [True, False])
def test_no_host_means_every_interface_also_where_the_kernel_has_no_ipv6(monkeypatch: pytest.MonkeyPatch, ipv6: bool) -> None:
    if not ipv6:
        monkeypatch.setattr(health, "has_dualstack_ipv6", lambda: False)
    port = health.serve("", 0, missing=list, healthy=lambda: True)
    assert page(port, "healthz") == page(port, "readyz") == "ok\n"


def test_readyz_says_what_is_missing_and_healthz_does_not() -> None:
    port = health.serve("127.0.0.1", 0, missing=lambda: ["no Region"], healthy=lambda: True)
    assert page(port, "healthz") == "ok\n"
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        page(port, "readyz")
    assert refused.value.read() == b"no Region\n"
