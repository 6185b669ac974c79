"""The value of a verdict that the library gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mecai._native import ffi, lib

from .._errors import Error
from .._library import _call
from . import _certificate
from ._handshake import Handshake
from ._list import AuthorityList, chain_owners
from ._report import Report
from ._verdict import Alternate, Outcome, Verdict, read_bundles, seen_at

_OUTCOMES: dict[int, Outcome] = {
    lib.MECAI_ACCEPTED: "accepted",
    lib.MECAI_EXEMPT: "exempt",
    lib.MECAI_UNVOUCHED: "unvouched",
    lib.MECAI_REFUSED: "refused",
}
_NOTES = {
    lib.MECAI_NOTE_PEER_UNKNOWN: "peer_unknown",
    lib.MECAI_NOTE_PORT_NOT_COMPARED: "port_not_compared",
    lib.MECAI_NOTE_ADDRESS_NOT_SEEN: "address_not_seen",
    lib.MECAI_NOTE_REGION_WIDENED: "region_widened",
    lib.MECAI_NOTE_NO_SECRET: "no_secret",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the server showed of the certificate that was judged: its own, or its alternate."""

    chain: list[bytes]
    bundles: tuple[bytes, ...]


def read(
    handle: Any, now: int, handshake: Handshake, shown: Shown, authorities: AuthorityList, report: Report | None
) -> Verdict:
    """The value of a mecai_verdict on a handshake."""
    outcome, code, sentence = ffi.new("uint32_t *"), ffi.new("uint32_t *"), ffi.new("mecai_bytes *")
    alarm, notes = ffi.new("bool *"), ffi.new("uint32_t *")
    _call.call(lib.mecai_verdict_get, handle, outcome, code, sentence)
    _call.call(lib.mecai_verdict_notes, handle, alarm, notes, ffi.NULL)
    named = _value(handle, lib.MECAI_VALUE_NAME)
    name = None if named is None else named.decode()
    is_accepted = outcome[0] == lib.MECAI_ACCEPTED
    newest, until = ((_number(handle, which) if is_accepted else None) for which in _TIMES)
    vouched, required, sent, stay = ((_number(handle, which) if is_accepted else None) for which in _COUNTS)
    bundles, unreadable = read_bundles(shown.bundles)
    certificate = _certificate.digest(shown.chain[0]) if shown.chain else None
    return Verdict(
        outcome=_OUTCOMES[outcome[0]],
        code=_call.string(lib.mecai_code_str(code[0])),
        number=code[0],
        explanation=_call.text_of(sentence),
        name=name,
        at=_call.moment(now),
        resumed=False,
        vouched=vouched,
        required=required,
        sent=sent,
        newest=None if newest is None else _call.moment(newest),
        until=None if until is None else _call.moment(until),
        stay=stay,
        chain=chain_owners(authorities, shown.chain) if shown.chain else None,
        peer=_call.address_of(handshake.peer) if handshake.peer else None,
        port=handshake.port or None,
        addresses=seen_at(bundles, handshake.names, certificate),
        notes=tuple(word for bit, word in _NOTES.items() if notes[0] & bit),
        alarm=alarm[0],
        alternate=_alternate(handle),
        bundles=bundles,
        unreadable=unreadable,
        report=report,
    )


_TIMES = (lib.MECAI_NUMBER_MADE, lib.MECAI_NUMBER_UNTIL)
_COUNTS = (
    lib.MECAI_NUMBER_OPERATORS,
    lib.MECAI_NUMBER_REQUIRED,
    lib.MECAI_NUMBER_SENT,
    lib.MECAI_NUMBER_STAY_DAYS,
)


def _alternate(handle: Any) -> Alternate | None:
    failover, code, sentence = ffi.new("uint32_t *"), ffi.new("uint32_t *"), ffi.new("mecai_bytes *")
    _call.call(lib.mecai_verdict_failover, handle, failover, code)
    if failover[0] == lib.MECAI_FAILOVER_NONE:
        return None
    _call.call(lib.mecai_verdict_failover_sentence, handle, sentence)
    used = failover[0] == lib.MECAI_FAILOVER_USED
    return Alternate(used, _call.string(lib.mecai_code_str(code[0])), _call.text_of(sentence))


def _value(handle: Any, which: int) -> bytes | None:
    view = ffi.new("mecai_bytes *")
    return _call.octets_of(view) if _has(lib.mecai_verdict_value, handle, which, view) else None


def _number(handle: Any, which: int) -> int | None:
    number = ffi.new("uint64_t *")
    return int(number[0]) if _has(lib.mecai_verdict_number, handle, which, number) else None


def _has(function: Any, handle: Any, which: int, place: Any) -> bool:
    try:
        _call.call(function, handle, which, place)
    except Error as error:
        if error.code != "none":
            raise
        return False
    return True
