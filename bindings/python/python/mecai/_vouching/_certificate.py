"""Certificates as programs have them: PEM or DER, in memory or in a file."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from mecai._native import ffi, lib

from .._errors import FormatError
from .._library import _call

if TYPE_CHECKING:
    from typing_extensions import Buffer

Path: TypeAlias = "str | os.PathLike[str]"
Certificates: TypeAlias = "Path | Buffer | Iterable[Buffer]"

DIGEST_LENGTH = 32
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_PEM = re.compile(_BEGIN + rb"([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")


def certificates(value: Certificates, name: str) -> list[bytes]:
    """The certificates in DER, in their order: of a PEM text, of the DER of one, of a file of either (a path), or of an
    iterable of the DER or PEM of each.

    Raises `FormatError` with the code "chain" for a PEM text that cannot be read; of DER nothing is looked at here.
    """
    if isinstance(value, str) and _BEGIN.decode() in value:
        return _split(str.encode(value), name)
    if isinstance(value, (str, os.PathLike)):
        with open(_call.path(value, name), "rb") as file:
            return _split(file.read(), name)
    if _call.is_buffer(value):
        return _split(_call.octets(value, name), name)
    if not isinstance(value, Iterable):
        _call.refuse(value, name, "path, a bytes-like object, or an iterable of them")
    return [der for one in _call.items(value, name) for der in _split(one, name)]


def digest(certificate: bytes) -> bytes:
    """The SHA-256 of a certificate in DER, as statements and the store name it: 32 octets."""
    place = ffi.new("uint8_t[]", DIGEST_LENGTH)
    _call.call(lib.mecai_certificate_digest, certificate, len(certificate), place, DIGEST_LENGTH)
    return bytes(ffi.buffer(place))


def spki_hash(certificate: bytes) -> bytes:
    """The SHA-256 of the SubjectPublicKeyInfo of a certificate in DER, as lists name CA keys: 32 octets.

    Raises `FormatError` with the code "chain" if it is no certificate.
    """
    place = ffi.new("uint8_t[]", DIGEST_LENGTH)
    _call.call(lib.mecai_spki_hash, certificate, len(certificate), place, DIGEST_LENGTH)
    return bytes(ffi.buffer(place))


def spki(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate in DER.

    Raises `FormatError` with the code "chain" if it is no certificate.
    """
    kept = ffi.from_buffer("uint8_t[]", certificate)
    view = ffi.new("mecai_bytes *")
    _call.call(lib.mecai_certificate_spki, kept, len(kept), view)
    return _call.octets_of(view)


def hash_of(value: Buffer, name: str) -> bytes:
    """A SHA-256 itself, 32 octets; of anything longer, the SPKI hash of the certificate in DER or PEM that it is."""
    octets = _call.octets(value, name)
    if len(octets) == DIGEST_LENGTH:
        return octets
    found = _split(octets, name)
    if len(found) != 1:
        raise ValueError(f"{name} has {len(found)} certificates, not 1")
    return spki_hash(found[0])


def digest_of(value: Buffer, name: str) -> bytes:
    """A SHA-256 itself, 32 octets; of anything longer, the digest of the certificate in DER or PEM that it is, the
    first of a chain.

    Raises `FormatError` with the code "chain" if it is no certificate.
    """
    octets = _call.octets(value, name)
    if len(octets) == DIGEST_LENGTH:
        return octets
    certificate = _split(octets, name)[0]
    spki_hash(certificate)
    return digest(certificate)


def _split(octets: bytes, name: str) -> list[bytes]:
    if _BEGIN not in octets:
        return [octets]
    found = [match[1] for match in _PEM.finditer(octets)]
    if len(found) != octets.count(_BEGIN):
        raise FormatError(f"{name}: a certificate in PEM has no end, or more than base64 in it", "chain")
    try:
        return [base64.b64decode(b"".join(text.split()), validate=True) for text in found]
    except binascii.Error as error:
        raise FormatError(f"{name}: a certificate in PEM is not base64: {error}", "chain") from None
