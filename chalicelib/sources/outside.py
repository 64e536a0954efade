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
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address


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
    if parsed.version == 6:
        parsed = parsed.ipv4_mapped or parsed.sixtofour or _translated(parsed) or parsed
    if parsed.is_loopback and os.environ.get(LOOPBACK_SETTING) == "allowed":
        return True
    return parsed.is_global and not parsed.is_multicast


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None
