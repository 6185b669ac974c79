"""What a handshake showed, as the library takes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mecai._native import ffi, lib

from .._errors import FormatError
from .._library import _call
from .._library._call import Address
from ._bundle import Bundle, answer_bundles
from ._state import State, is_remembered

if TYPE_CHECKING:
    from typing_extensions import Buffer

Own = Literal["accepted", "refused", "no_trusted_root", "dane"]
Vouchers: TypeAlias = "Buffer | Bundle | Iterable[Bundle | Buffer]"

_OWN: dict[str, int | None] = {
    "accepted": None,
    "refused": lib.MECAI_OWN_REFUSED,
    "no_trusted_root": lib.MECAI_OWN_NO_TRUSTED_ROOT,
    "dane": lib.MECAI_OWN_DANE,
}


@dataclass(frozen=True, slots=True)
class Handshake:
    """One handshake, whose arguments have been looked at. Used by one thread."""

    handle: Any
    names: list[str]
    chain: list[bytes]
    served: list[bytes]
    peer: bytes
    port: int
    answer: bytes | None

    def bundles(self) -> tuple[bytes, ...]:
        """The bundles in the answer, unread; none if that breaks its syntax."""
        return bundles_of(self.answer)

    def remember(self, state: State | None, remembered: bool | None, now: int) -> None:
        """Tells whether the host has promised vouchers: as the caller says, or what the state has in mind."""
        if remembered is None:
            remembered = state is not None and is_remembered(state, self.handle, now)
        _call.call(lib.mecai_handshake_set_remembered, self.handle, remembered)


def read(
    chain: Iterable[Buffer],
    host: str | Iterable[str] | None,
    *,
    sni: str | None,
    peer: Address | str | None,
    port: int | None,
    vouchers: Vouchers | None,
    own: Own,
    served: Iterable[Buffer] | None,
) -> Handshake:
    """The handshake of arguments as `Verifier.verify` documents them."""
    certificates = _call.items(chain, "chain")
    handle = _call.new("mecai_handshake", lib.mecai_handshake_new)
    said = _call.one_of(_OWN, "own", own)
    if said is not None:
        _call.call(lib.mecai_handshake_set_own, handle, said)
    else:
        views = _call.Views(certificates)
        _call.call(lib.mecai_handshake_set_chain, handle, views.views, len(views))
    meant = [host] if isinstance(host, str) else list(host or ())
    for name in meant:
        _call.call(lib.mecai_handshake_add_reference, handle, _call.text(name, "host"))
    if sni is not None:
        _call.call(lib.mecai_handshake_set_sni, handle, _call.text(sni, "sni"))
    address = b"" if peer is None else _call.address(peer, "peer")
    number = 0 if port is None else _call.number(port, "port", 1, 65535)
    _call.call(lib.mecai_handshake_set_peer, handle, address, len(address), number)
    answer = None if vouchers is None else read_vouchers(vouchers)
    if answer is not None:
        _call.call(lib.mecai_handshake_set_vouchers, handle, answer, len(answer))
    shown = certificates if served is None else _call.items(served, "served")
    return Handshake(handle, meant or ([] if sni is None else [sni]), certificates, shown, address, number, answer)


def read_vouchers(vouchers: Vouchers) -> bytes | None:
    """A server's answer to mecai_vouchers: that itself, or made of bundles; None of no bundles."""
    if isinstance(vouchers, Bundle):
        return _write_answer([vouchers.der])
    if _call.is_buffer(vouchers):
        return _call.octets(vouchers, "vouchers")
    if isinstance(vouchers, str) or not isinstance(vouchers, Iterable):
        _call.refuse(vouchers, "vouchers", "bytes-like object, a Bundle, or an iterable of them")
    bundles = [
        bundle.der if isinstance(bundle, Bundle) else _call.octets(bundle, f"vouchers[{index}]")
        for index, bundle in enumerate(vouchers)
    ]
    return _write_answer(bundles) if bundles else None


def bundles_of(answer: bytes | None) -> tuple[bytes, ...]:
    """The bundles in an answer, unread; none if that breaks its syntax, which is what the verdict then says."""
    if answer is None:
        return ()
    try:
        return answer_bundles(answer)
    except FormatError:
        return ()


def _write_answer(bundles: list[bytes]) -> bytes:
    views = _call.Views(bundles)
    answer = _call.new("mecai_answer", lib.mecai_answer_write_vouchers, views.views, len(views))
    octets = ffi.new("mecai_bytes *")
    _call.call(lib.mecai_answer_octets, answer, ffi.NULL, octets)
    return _call.octets_of(octets)
