"""Bundles signed by the private keys of authorities: what an authority would sign, and what it never would.

Octets are written here by hand (docs/spec.md, sections 2 to 5), so that what reads them is tested against something
else than itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_LABEL = b"mecai-endorsement-v1\0"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def element(tag: int, content: bytes) -> bytes:
    """One DER element."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def integer(value: int, tag: int = 0x02) -> bytes:
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def time(value: datetime) -> bytes:
    return element(0x18, value.astimezone(timezone.utc).strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def statement(
    host: str,
    port: int,
    addresses: Sequence[str],
    certificate: bytes,
    *,
    produced_at: datetime | None = None,
    lifetime: timedelta = timedelta(hours=24),
    stay: int | None = None,
) -> bytes:
    """A Statement about the certificate with this DER (section 2), by default of a minute ago."""
    produced_at = produced_at or datetime.now(timezone.utc) - timedelta(minutes=1)
    packed = sorted((ip_address(address).packed for address in addresses), key=lambda octets: (len(octets), octets))
    return element(
        0x30,
        integer(1)
        + element(0x0C, host.encode("ascii"))
        + integer(port)
        + element(0x30, b"".join(element(0x04, octets) for octets in packed))
        + element(0x04, hashlib.sha256(certificate).digest())
        + time(produced_at)
        + time(produced_at + lifetime)
        + (b"" if stay is None else integer(stay, 0x80)),
    )


def bundle(signed: bytes, addresses: int, keys: Iterable[ec.EllipticCurvePrivateKey]) -> bytes:
    """A VoucherBundle of a Statement with so many addresses, all of them seen, signed by these keys (sections 3, 4)."""
    endorsements = sorted(_endorsement(signed, addresses, key) for key in keys)
    octets = b"".join(endorsement for _, endorsement in endorsements)
    return element(0x30, signed + element(0x30, octets))


def answer(bundles: Iterable[bytes]) -> bytes:
    """The answer in extension 0xFF4D (section 5)."""
    octets = b"".join(len(one).to_bytes(2, "big") + one for one in bundles)
    return len(octets).to_bytes(2, "big") + octets


def _endorsement(signed: bytes, addresses: int, key: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    spki = hashlib.sha256(public).digest()
    unused = -addresses % 8
    bits = (((1 << addresses) - 1) << unused).to_bytes((addresses + 7) // 8, "big")
    body = element(
        0x30, element(0x04, spki[:8]) + element(0x03, bytes([unused]) + bits) + element(0x0A, b"\0") + integer(60)
    )
    octets = _LABEL + spki + hashlib.sha256(signed).digest() + body
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
    s = min(s, _ORDER - s)
    return spki[:8], element(0x30, body + element(0x04, r.to_bytes(32, "big") + s.to_bytes(32, "big")))
