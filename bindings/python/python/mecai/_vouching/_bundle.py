"""Vouchers, looked into: statements, endorsements, and the bundles that servers show (docs/spec.md, sections 3 and
4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from mecai._native import ffi, lib

from .._library import _call
from .._library._call import Address
from .._library._value import Value

if TYPE_CHECKING:
    from typing_extensions import Buffer

Source = Literal["ocsp", "crl", "short_lived"]

_SOURCES: dict[int, Source] = {
    lib.MECAI_EVIDENCE_OCSP: "ocsp",
    lib.MECAI_EVIDENCE_CRL: "crl",
    lib.MECAI_EVIDENCE_SHORT_LIVED: "short_lived",
}


@dataclass(frozen=True, slots=True, repr=False)
class Statement(Value):
    """What is vouched for: that this server shows this certificate."""

    host: str
    """A lower-case A-label name, or an address in its canonical text."""
    port: int
    addresses: tuple[Address, ...]
    """Where the server shows it: 1 to 16."""
    certificate: bytes
    """SHA-256 of the end-entity certificate: 32 octets."""
    produced_at: datetime
    not_after: datetime
    """The last second in which it is in force."""
    stay: int | None
    """For how many days the site promises to go on showing vouchers; 0 takes a promise back; None says nothing."""


@dataclass(frozen=True, slots=True, repr=False)
class Endorsement(Value):
    """An authority's word for a statement. To look into it is not to verify it: that takes an `AuthorityList`."""

    authority: bytes
    """The authority's id: 8 octets."""
    seen: tuple[Address, ...]
    """The statement's addresses at which the authority saw the certificate."""
    source: Source
    """What its revocation check rests on."""
    age: timedelta | None
    """How old that was when the statement was made; None where a certificate is too short-lived to need it."""
    signature: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Bundle(Value):
    """A statement with its endorsements: the voucher that a server shows. `bytes(bundle)` is its DER."""

    statement: Statement
    endorsements: tuple[Endorsement, ...]
    der: bytes

    @classmethod
    def parse(cls, octets: Buffer) -> Bundle:
        """Reads the DER of one bundle, all of it. No signature is verified.

        Raises `FormatError` with the code "malformed", "unknown_version" or "too_long_lived".
        """
        der = _call.octets(octets, "octets")
        handle = _call.new("mecai_bundle", lib.mecai_bundle_parse, der, len(der))
        statement, count = _read_statement(handle)
        endorsements = (_read_endorsement(handle, index, statement.addresses) for index in range(count))
        return cls(statement, tuple(endorsements), der)

    @staticmethod
    def parse_answer(octets: Buffer) -> tuple[Bundle, ...]:
        """Reads a server's answer to the TLS extension mecai_vouchers (0xFF4D), and every bundle in it.

        Raises `FormatError`: with the code "answer" if the answer breaks its syntax or has more than 16384 octets, or
        with that of the first bundle that cannot be read (`answer_bundles` gives these apart).
        """
        return tuple(Bundle.parse(der) for der in answer_bundles(octets))

    def __bytes__(self) -> bytes:
        return self.der

    def __repr__(self) -> str:
        about = self.statement
        return (
            f"<Bundle for {about.host}:{about.port}, certificate {about.certificate[:8].hex()}…, "
            f"{len(self.endorsements)} endorsements, until {about.not_after:%Y-%m-%dT%H:%M:%SZ}>"
        )


def answer_bundles(octets: Buffer) -> tuple[bytes, ...]:
    """The bundles in a server's answer to the TLS extension mecai_vouchers (0xFF4D), each as its octets, unread.

    Raises `FormatError` with the code "answer".
    """
    answer = _call.octets(octets, "octets")
    handle = _call.new("mecai_answer", lib.mecai_answer_read_vouchers, answer, len(answer))
    count, view = ffi.new("size_t *"), ffi.new("mecai_bytes *")
    _call.call(lib.mecai_answer_counts, handle, count, ffi.NULL, ffi.NULL, ffi.NULL)
    bundles: list[bytes] = []
    for index in range(count[0]):
        _call.call(lib.mecai_answer_bundle, handle, index, view)
        bundles.append(_call.octets_of(view))
    return tuple(bundles)


def read_bundle(handle: Any) -> Bundle:
    """The value of a mecai_bundle, which stays the caller's."""
    view = ffi.new("mecai_bytes *")
    _call.call(lib.mecai_bundle_der, handle, view)
    return Bundle.parse(_call.octets_of(view))


def _read_statement(handle: Any) -> tuple[Statement, int]:
    """The statement, and how many endorsements there are."""
    host, certificate, octets = ffi.new("mecai_bytes *"), ffi.new("mecai_bytes *"), ffi.new("mecai_bytes *")
    port, stay = ffi.new("uint16_t *"), ffi.new("int32_t *")
    times, counts = ffi.new("uint64_t[2]"), ffi.new("size_t[2]")
    _call.call(lib.mecai_bundle_get, handle, host, port, certificate)
    _call.call(lib.mecai_bundle_times, handle, times, times + 1, stay)
    _call.call(lib.mecai_bundle_counts, handle, counts, counts + 1)
    addresses: list[Address] = []
    for index in range(counts[0]):
        _call.call(lib.mecai_bundle_address, handle, index, octets)
        addresses.append(_call.address_of(_call.octets_of(octets)))
    statement = Statement(
        host=_call.text_of(host),
        port=port[0],
        addresses=tuple(addresses),
        certificate=_call.octets_of(certificate),
        produced_at=_call.moment(times[0]),
        not_after=_call.moment(times[1]),
        stay=stay[0] if stay[0] >= 0 else None,
    )
    return statement, counts[1]


def _read_endorsement(handle: Any, index: int, addresses: tuple[Address, ...]) -> Endorsement:
    authority, signature = ffi.new("mecai_bytes *"), ffi.new("mecai_bytes *")
    numbers = ffi.new("uint32_t[3]")
    _call.call(lib.mecai_bundle_endorsement, handle, index, authority, numbers, numbers + 1, numbers + 2)
    _call.call(lib.mecai_bundle_signature, handle, index, signature)
    seen, source, age = numbers
    return Endorsement(
        authority=_call.octets_of(authority),
        seen=tuple(address for bit, address in enumerate(addresses) if seen >> bit & 1),
        source=_SOURCES[source],
        age=None if source == lib.MECAI_EVIDENCE_SHORT_LIVED else timedelta(seconds=age),
        signature=_call.octets_of(signature),
    )
