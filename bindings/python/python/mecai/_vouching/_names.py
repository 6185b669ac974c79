"""Names that programs mean (docs/spec.md, section 8, "Reference identities")."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from .._library._call import Address


def is_meant(host: str, names: Iterable[str]) -> bool:
    """Whether a statement's host is one that a program meant: a host name, an address, or a name that begins with a
    dot, for every host that ends with it."""
    return any(_matches(host, name.removesuffix(".")) for name in names)


def _matches(host: str, name: str) -> bool:
    address = _address(name.lstrip("[").rstrip("]"))
    if address is not None:
        return _address(host) == address
    meant = name.lower()
    return host.endswith(meant) and host != meant if meant.startswith(".") else host == meant


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
