"""The end of a certificate: what its vouchers must not outlive."""

from __future__ import annotations

from datetime import datetime, timezone

from .._errors import FormatError

_SEQUENCE = 0x30
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18
_VERSION = 0xA0


def not_after(certificate: bytes) -> datetime:
    """The last second of a certificate in DER (RFC 5280, section 4.1.2.5).

    Raises `FormatError` with the code "chain" if it is no certificate.
    """
    try:
        fields = _elements(_elements(_elements(certificate)[0][1])[0][1])
        # version is absent in version 1; then serialNumber, signature, issuer, validity.
        place = 4 if fields[0][0] == _VERSION else 3
        tag, content = _elements(fields[place][1])[1]
        return _time(tag, content.decode("ascii"))
    except (IndexError, ValueError) as error:
        sentence = f"the certificate of {len(certificate)} octets is not DER of a certificate"
        raise FormatError(sentence, "chain") from error


def _elements(octets: bytes) -> list[tuple[int, bytes]]:
    """The tags and contents of the elements that octets are, one behind the other."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(octets):
        tag, length, start = octets[at], octets[at + 1], at + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(octets[at + 2 : start], "big")
        at = start + length
        if at > len(octets):
            raise IndexError(at)
        found.append((tag, octets[start:at]))
    return found


def _time(tag: int, text: str) -> datetime:
    if tag == _UTC_TIME:
        # Two digits of the year: 50 to 49.
        text = ("19" if text >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError(tag)
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
