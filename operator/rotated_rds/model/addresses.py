"""Which addresses no database listens on, but the operator's own pod, its node or AWS's metadata service (SAFETY.md G4)."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

_GUARDED = tuple(
    ip_network(network)
    for network in (
        "127.0.0.0/8",
        "::1/128",
        "0.0.0.0/8",  # Linux connects to itself
        "::/128",
        "169.254.0.0/16",  # link-local, with EC2's, ECS's and EKS's metadata
        "fe80::/10",
        "fd00:ec2::/32",  # the same metadata by IPv6
    )
)
_NAT64 = ip_network("64:ff9b::/96")


def address_of(text: str) -> Address | None:
    """Read an address, an IPv4 one also where it is wrapped in IPv6; None for a name."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        wrapped = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped
        return wrapped or address
    return address


def guarded(text: str) -> bool:
    """Tell whether an address is loopback, link-local or metadata; what is no address at all is taken for one."""
    address = address_of(text)
    return address is None or any(address in network for network in _GUARDED)
