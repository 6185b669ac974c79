"""The DER structures: decoded strictly by hand, encoded by asn1tools from docs/mecai.asn1 (sections 2-4, 9, 11, 12)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import asn1tools

from . import der, names, times
from .codes import ADDRESSES_MAX, AGE_MAX, ENDORSEMENTS_MAX, LIFETIME_MAX, STAY_MAX, Refused

MODULE = Path(__file__).resolve().parents[3] / "docs" / "mecai.asn1"
COMPILED = asn1tools.compile_files(str(MODULE), "der")
SOURCES = ("ocsp", "crl", "shortLived")
PROTOCOLS = ("tls", "smtp", "imap", "pop3", "postgres")


@dataclass(frozen=True)
class Statement:
    host: str
    port: int
    addresses: tuple
    certificate: bytes
    produced_at: int
    not_after: int
    stay: int | None = None
    octets: bytes = b""

    def lives_too_long(self):
        return self.not_after - self.produced_at > LIFETIME_MAX


@dataclass(frozen=True)
class Endorsement:
    authority: bytes
    seen: tuple
    source: str
    age: int | None
    signature: bytes
    body: bytes = b""


@dataclass(frozen=True)
class Bundle:
    statement: Statement
    endorsements: tuple


# --- decoding -------------------------------------------------------------------------------------------------------


def decode_statement(octets):
    statement = _statement(octets)
    _admit("Statement", octets)
    _not_too_long(statement)
    return statement


def decode_endorsement(octets, addresses):
    """An authority's answer to a statement of so many addresses."""
    endorsement = _endorsement(octets, addresses)
    _admit("Endorsement", octets)
    return endorsement


def decode_bundle(octets):
    bundle = _bundle(octets)
    _admit("VoucherBundle", octets)
    return bundle


def decode_request(octets):
    """(statement, protocol) of a VoucherRequest."""
    reader = der.Reader(der.only(octets, der.SEQUENCE))
    statement = _statement(reader.whole_element(der.SEQUENCE))
    spoken = reader.element(der.ENUMERATED)
    reader.finish()
    _not_too_long(statement)
    protocol = PROTOCOLS[der.bounded(spoken, 0, len(PROTOCOLS) - 1)]
    _admit("VoucherRequest", octets)
    return statement, protocol


def decode_store(octets):
    """Checks a StoreFile's form and digest; gives the certificate that it names."""
    reader = der.Reader(der.only(octets, der.SEQUENCE))
    body = reader.whole_element(der.SEQUENCE)
    digest = reader.element(der.OCTET_STRING)
    reader.finish()
    if len(octets) > 1 << 20 or digest != hashlib.sha256(body).digest():
        raise Refused("malformed", "too long, or the digest differs")
    reader = der.Reader(der.only(body, der.SEQUENCE))
    if der.integer(reader.element(der.INTEGER)) != 1:
        raise Refused("unknown_version")
    certificate = _octets(reader, 32)
    _bundles_about(reader, certificate)
    if reader.next_tag() == 0xA0:
        alternate = der.Reader(reader.element(0xA0))
        _bundles_about(alternate, _chain(alternate))
        alternate.finish()
    if reader.next_tag() == 0xA1:
        staged = der.Reader(reader.element(0xA1))
        count = 0
        while not staged.empty():
            one = der.Reader(staged.element(der.SEQUENCE))
            leaf = _chain(one)
            if decode_key_proof(one.whole_element(der.SEQUENCE))[0]["certificate"] != leaf:
                raise Refused("malformed", "a key proof names another certificate")
            one.finish()
            count += 1
        if not 1 <= count <= 255:
            raise Refused("malformed", f"{count} staged certificates")
    reader.finish()
    _admit("StoreFile", octets)
    return certificate


def decode_key_proof(octets):
    """(body as a dict, octets of the body, signature)."""
    reader = der.Reader(der.only(octets, der.SEQUENCE))
    body_octets = reader.whole_element(der.SEQUENCE)
    signature = reader.element(der.OCTET_STRING)
    reader.finish()
    reader = der.Reader(der.only(body_octets, der.SEQUENCE))
    body = {
        "host": _host(reader.element(der.UTF8_STRING)),
        "port": der.bounded(reader.element(der.INTEGER), 1, 65535),
        "handshake_key": _octets(reader, 32),
        "certificate": _octets(reader, 32),
        "not_before": times.from_generalized(reader.element(der.GENERALIZED_TIME)),
        "not_after": times.from_generalized(reader.element(der.GENERALIZED_TIME)),
    }
    reader.finish()
    if not body["not_before"] <= body["not_after"] <= body["not_before"] + LIFETIME_MAX:
        raise Refused("malformed", "it ends before it begins, or lives too long")
    _admit("KeyProof", octets)
    return body, body_octets, signature


def _statement(octets):
    reader = der.Reader(der.only(octets, der.SEQUENCE))
    version = der.integer(reader.element(der.INTEGER))
    if version != 1:
        raise Refused("unknown_version", f"version {version}")
    host = _host(reader.element(der.UTF8_STRING))
    port = der.bounded(reader.element(der.INTEGER), 1, 65535)
    addresses = _addresses(reader.element(der.SEQUENCE))
    certificate = _octets(reader, 32)
    produced_at = times.from_generalized(reader.element(der.GENERALIZED_TIME))
    not_after = times.from_generalized(reader.element(der.GENERALIZED_TIME))
    stay = None
    if reader.next_tag() == 0x80:
        stay = der.bounded(reader.element(0x80), 0, STAY_MAX)
    reader.finish()
    if not_after < produced_at:
        raise Refused("malformed", "it ends before it begins")
    return Statement(host, port, addresses, certificate, produced_at, not_after, stay, octets)


def _endorsement(octets, addresses):
    reader = der.Reader(der.only(octets, der.SEQUENCE))
    body = reader.whole_element(der.SEQUENCE)
    signature = reader.element(der.OCTET_STRING)
    reader.finish()
    reader = der.Reader(der.only(body, der.SEQUENCE))
    authority = _octets(reader, 8)
    seen = _seen(reader.element(der.BIT_STRING), addresses)
    source = SOURCES[der.bounded(reader.element(der.ENUMERATED), 0, len(SOURCES) - 1)]
    age = None
    if reader.next_tag() == der.INTEGER:
        age = der.bounded(reader.element(der.INTEGER), 0, AGE_MAX)
    reader.finish()
    if (age is None) != (source == "shortLived"):
        raise Refused("malformed", "`age` goes with every source but shortLived")
    return Endorsement(authority, seen, source, age, signature, body)


def _bundle(octets):
    reader = der.Reader(der.only(octets, der.SEQUENCE))
    statement = _statement(reader.whole_element(der.SEQUENCE))
    inner = der.Reader(reader.element(der.SEQUENCE))
    reader.finish()
    # Before the endorsements are looked at (section 2).
    _not_too_long(statement)
    endorsements = []
    while not inner.empty():
        endorsements.append(_endorsement(inner.whole_element(der.SEQUENCE), len(statement.addresses)))
    if not 1 <= len(endorsements) <= ENDORSEMENTS_MAX:
        raise Refused("malformed", f"{len(endorsements)} endorsements")
    _ascending([endorsement.authority for endorsement in endorsements])
    return Bundle(statement, tuple(endorsements))


def _bundles_about(reader, certificate):
    """The bundles that come next, all of which are about this certificate."""
    inner = der.Reader(reader.element(der.SEQUENCE))
    count = 0
    while not inner.empty():
        bundle = _bundle(inner.whole_element(der.SEQUENCE))
        if bundle.statement.certificate != certificate:
            raise Refused("malformed", "a statement names another certificate")
        count += 1
    if count > 255:
        raise Refused("malformed", f"{count} bundles")


def _chain(reader):
    """SHA-256 of the end entity of the chain that comes next."""
    inner = der.Reader(reader.element(der.SEQUENCE))
    chain = []
    while not inner.empty():
        chain.append(inner.element(der.OCTET_STRING))
    if not 1 <= len(chain) <= 10 or not all(chain):
        raise Refused("malformed", f"a chain of {len(chain)}, or a certificate of no octets")
    return hashlib.sha256(chain[0]).digest()


def _host(content):
    try:
        return names.check_host(content.decode("ascii"))
    except UnicodeDecodeError:
        raise Refused("malformed", "a host that is not ASCII") from None


def _addresses(content):
    reader = der.Reader(content)
    found = []
    while not reader.empty():
        found.append(names.check_address(reader.element(der.OCTET_STRING)))
    if not 1 <= len(found) <= ADDRESSES_MAX:
        raise Refused("malformed", f"{len(found)} addresses")
    _ascending([names.address_order(address) for address in found])
    return tuple(found)


def _seen(content, addresses):
    if not content or content[0] > 7 or (len(content) == 1 and content[0]):
        raise Refused("malformed", "not a BIT STRING")
    count = (len(content) - 1) * 8 - content[0]
    if count != addresses:
        raise Refused("malformed", f"{count} bits for {addresses} addresses")
    if len(content) > 1 and content[-1] & ((1 << content[0]) - 1):
        raise Refused("malformed", "unused bits that are set")
    bits = tuple(bool(content[1 + i // 8] & (0x80 >> i % 8)) for i in range(count))
    if not any(bits):
        raise Refused("malformed", "no bit is set")
    return bits


def _octets(reader, size):
    content = reader.element(der.OCTET_STRING)
    if len(content) != size:
        raise Refused("malformed", f"{len(content)} octets where {size} are due")
    return content


def _ascending(values):
    if any(later <= earlier for earlier, later in zip(values, values[1:])):
        raise Refused("malformed", "not strictly ascending")


def _not_too_long(statement):
    if statement.lives_too_long():
        raise Refused("too_long_lived", f"{statement.not_after - statement.produced_at} s")


def _admit(kind, octets):
    """What the strict reader admits, the ASN.1 module must decode and encode to the same octets.

    asn1tools reads `SIZE (4 | 16)` as 4 alone, so its check of constraints stays off; the reader above has them all.
    """
    value = COMPILED.decode(kind, octets)
    again = COMPILED.encode(kind, _with_zone(value))
    assert again == octets, f"{kind}: asn1tools encodes {again.hex()} for {octets.hex()}"


def _with_zone(value):
    if isinstance(value, dict):
        return {key: _with_zone(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_zone(part) for part in value]
    return value.replace(tzinfo=times.EPOCH_START.tzinfo) if hasattr(value, "tzinfo") else value


# --- encoding -------------------------------------------------------------------------------------------------------


def statement_value(host, port, addresses, certificate, produced_at, not_after, stay=None):
    value = {
        "version": 1,
        "host": host,
        "port": port,
        "addresses": list(addresses),
        "certificate": certificate,
        "producedAt": times.moment(produced_at),
        "notAfter": times.moment(not_after),
    }
    if stay is not None:
        value["stay"] = stay
    return value


def body_value(authority, seen, source="ocsp", age=3600):
    """`seen` is a sequence of truth values, one per address."""
    packed = bytearray((len(seen) + 7) // 8)
    for place, bit in enumerate(seen):
        if bit:
            packed[place // 8] |= 0x80 >> place % 8
    value = {"authority": authority, "seen": (bytes(packed), len(seen)), "source": source}
    if age is not None:
        value["age"] = age
    return value


def encode(kind, value):
    return COMPILED.encode(kind, value)
