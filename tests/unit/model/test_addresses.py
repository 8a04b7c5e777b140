"""SAFETY.md G4: addresses behind which no database stands, however they are written."""

import pytest

from rotated_rds.model.addresses import address_of, guarded


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.8.9.10", id="all of loopback"),
        pytest.param("::1", id="loopback by IPv6"),
        pytest.param("0.0.0.0", id="any address is this machine"),  # noqa: S104  nothing listens here
        pytest.param("::", id="any address by IPv6"),
        pytest.param("169.254.1.1", id="link-local"),
        pytest.param("fe80::1", id="link-local by IPv6"),
        pytest.param("fe80::1%eth0", id="link-local with its zone"),
        pytest.param("169.254.169.254", id="EC2's metadata"),
        pytest.param("169.254.170.2", id="ECS's credentials"),
        pytest.param("169.254.170.23", id="EKS Pod Identity"),
        pytest.param("fd00:ec2::254", id="EC2's metadata by IPv6"),
        pytest.param("fd00:ec2::23", id="EKS Pod Identity by IPv6"),
        pytest.param("::ffff:127.0.0.1", id="loopback wrapped in IPv6"),
        pytest.param("::ffff:a9fe:a9fe", id="metadata wrapped in IPv6"),
        pytest.param("64:ff9b::a9fe:a9fe", id="metadata through NAT64"),
        pytest.param("db.example", id="what is no address proves nothing"),
    ],
)
def test_G4_an_address_without_a_database_is_guarded(address: str) -> None:
    assert guarded(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "172.31.255.254", "192.168.1.1", "52.1.2.3", "2600:1f18::1", "fd12::1", "::ffff:10.0.0.1"])
def test_private_and_public_addresses_are_free(address: str) -> None:
    assert not guarded(address)


def test_an_address_in_brackets_or_wrapped_is_the_same_address() -> None:
    assert address_of("[::1]") == address_of("::1")
    assert address_of("::ffff:127.0.0.1") == address_of("127.0.0.1")
    assert address_of("db.example") is None
