"""Hosts, addresses, reference identities, registrable domains (sections 1, 7, 8)."""

import ipaddress
import re

from publicsuffixlist import PublicSuffixList

from .codes import Refused

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SUFFIXES = PublicSuffixList(accept_unknown=True)


def literal(text):
    """The address that a text is, IPv4-mapped ones as IPv4, or None."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 6:
        if address.scope_id is not None:
            return None
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
    return address


def check_host(text):
    """A statement's `host`: a DNS name in lower-case A-labels or a canonical address, else `malformed`."""
    address = literal(text)
    if address is not None:
        if str(address) != text:
            raise Refused("malformed", f"{text!r} is not the canonical text of an address")
        return text
    labels = text.split(".")
    if len(text) > 253 or not all(LABEL.fullmatch(label) for label in labels) or re.fullmatch("[0-9]+", labels[-1]):
        raise Refused("malformed", f"{text!r} is no host")
    return text


def check_address(octets):
    """An entry of `addresses`: 4 or 16 octets, not IPv4-mapped."""
    if len(octets) not in (4, 16):
        raise Refused("malformed", "an address of neither 4 nor 16 octets")
    if len(octets) == 16 and octets[:12] == bytes(10) + b"\xff\xff":
        raise Refused("malformed", "an IPv4-mapped address")
    return octets


def address_order(octets):
    """Shorter before longer, then octet by octet."""
    return (len(octets), octets)


def octets_of(text):
    """The 4 or 16 octets of a peer's address."""
    return literal(text).packed


def matches(host, identity):
    """Whether a statement's host is what a reference identity means (section 8)."""
    identity = identity.lower()
    host_address = literal(host)
    if host_address is not None:
        return literal(identity) == host_address
    if identity.startswith("."):
        return host.endswith(identity)
    return host == identity


def pick_name(sni, identities):
    """The name of the pick (section 7)."""
    lowered = [identity.lower() for identity in identities]
    if sni is not None and any(matches(sni.lower(), identity) for identity in lowered):
        return sni.lower()
    name = lowered[0].removeprefix(".")
    address = literal(name)
    return name if address is None else str(address)


def registrable_domain(name):
    """The registrable domain, or the name itself where it has none."""
    if literal(name) is not None or "." not in name:
        return name
    return SUFFIXES.privatesuffix(name) or name
