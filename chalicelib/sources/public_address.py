"""Which addresses a source may have: the open internet, and nothing inside the platform's own network.

An admin types host names, and a name may lead anywhere: to the cloud's metadata service, to a neighbour, to the platform
itself. So the address is checked after the name is resolved, and the connection goes to the very address that was checked.
"""

import ipaddress
import os
import socket

from chalicelib.errors import SourceRefused, SourceUnavailable

# Set on a developer's machine and by tests, whose peers listen on loopback; never by the template.
LOOPBACK_SETTING = "SOURCES_ON_LOOPBACK"
# IPv6 ranges of which the last four bytes are an IPv4 address, that a gateway may lead to: IPv4-compatible (RFC 4291, 2.5.5.1),
# SIIT (RFC 2765; RFC 6145), NAT64 (RFC 6052) and its local-use prefix (RFC 8215).
HOLDS_IPV4 = tuple(ipaddress.IPv6Network(each) for each in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"))
WELL_KNOWN_NAT64 = HOLDS_IPV4[2]  # what a resolver gives for an IPv4 host, where a network speaks IPv6 alone
# The only IPv6 that anybody on the open internet has (RFC 4291, 2.4): the rest is special, site-local (fec0::/10) or segment ids
# (5f00::/16) among it, or given to nobody.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Within what Python takes for global: the protocols' own anycast addresses, which the nearest translator or relay answers
# (RFC 6890, RFC 7723, RFC 7526), and the newer range for documentation (RFC 9637).
NOT_GLOBAL = tuple(ipaddress.ip_network(each) for each in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20"))


def addresses_of(host: str, port: int) -> list[str]:
    """The addresses of `host`, as the resolver orders them; connect to one of these and not to the name.

    Raises SourceRefused where any of them is private, link-local, loopback or otherwise not on the open internet, and
    SourceUnavailable where the name can't be resolved.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as trouble:
        raise SourceUnavailable(f"The name {host} is not known. Check how the host is written.") from trouble
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    for address in addresses:
        if not is_outside(address):
            raise SourceRefused(
                f"{host} leads to {address}, which is not an address on the open internet. "
                "Only servers that the internet reaches can be a source."
            )
    return addresses


def is_outside(address: str) -> bool:
    """Whether `address` is on the open internet; loopback counts where the local-only setting allows it."""
    parsed = ipaddress.ip_address(address.split("%")[0])
    if parsed.is_loopback and os.environ.get(LOOPBACK_SETTING) == "allowed":
        return True
    if parsed.version == 6 and any(parsed in each for each in HOLDS_IPV4):
        return parsed in WELL_KNOWN_NAT64 and _is_global(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
    if parsed.version == 6:
        parsed = parsed.ipv4_mapped or parsed.sixtofour or parsed
    return _is_global(parsed)


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    inside = any(address.version == each.version and address in each for each in NOT_GLOBAL)
    given = address.version == 4 or address in GLOBAL_UNICAST
    return address.is_global and not address.is_multicast and given and not inside
