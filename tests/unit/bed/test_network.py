"""Which addresses a real node takes on a machine that has routes already."""

from ipaddress import IPv4Network

import pytest

from tests.bed.node import network
from tests.bed.processes import BedError


def taken(*routes: str) -> list[IPv4Network]:
    return [IPv4Network(route) for route in routes]


def test_the_first_network_is_taken_where_nothing_is_in_the_way() -> None:
    chosen = network.addresses(1, taken("192.0.2.0/24"))
    assert (chosen.host, chosen.node, chosen.pods) == ("10.88.0.1", "10.88.0.2", "10.88.0.128/25")


def test_a_network_that_any_route_touches_is_left_alone() -> None:
    assert network.addresses(1, taken("10.88.0.0/23", "10.88.2.7/32")).all == "10.88.3.0/24"


def test_a_machine_with_a_route_to_all_private_networks_gets_one_that_nobody_has() -> None:
    assert network.addresses(1, taken("10.0.0.0/8", "172.16.0.0/12")).all == "198.18.0.0/24"


def test_a_machine_with_a_route_to_every_one_of_them_gets_none() -> None:
    with pytest.raises(BedError):
        network.addresses(1, taken("0.0.0.0/1", "128.0.0.0/1"))


def test_two_nodes_have_two_cables() -> None:
    first = network.addresses(1, [])
    second = network.addresses(2, taken(first.all))
    assert network.link(first.host) != network.link(second.host)
