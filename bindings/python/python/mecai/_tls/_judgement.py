"""What the library knows of one connection."""

from __future__ import annotations

import json
import ssl
from typing import Any

from mecai._native import ffi, lib

from .._errors import InternalError
from .._vouching._report import Report
from .._vouching._verdict import Verdict
from . import _find

# Room for a verdict without bundles; with them, the library is asked again.
_ROOM = 4096

_OTHER_COPY = 6


def of(connection: Any) -> Verdict | None:
    """The verdict on the last handshake of the connection whose `_sslobj` this is; none if MECAI has no part in it."""
    told = _told(connection)
    return None if told is None else Verdict._from_json(told)


def report_on(connection: Any) -> Report | None:
    """The mismatch report on that handshake, if one is due. Most often none is, which is cheap to see."""
    told = _told(connection)
    if told is None or json.loads(told)["report"] is None:
        return None
    return Verdict._from_json(told).report


def _told(connection: Any) -> bytes | None:
    found = ffi.NULL if connection is None else _find.by_object(connection)
    if found == ffi.NULL:
        return None
    room = _ROOM
    while True:
        text = ffi.new("char[]", room)
        needed = lib.mecai_openssl_verdict_json(found, text, room)
        if needed == 0:
            raise InternalError("the library has failed inside: please report this", "internal")
        if needed < room:
            told: bytes = ffi.string(text)
            return told
        room = needed + 1


def why_not(connection: ssl.SSLSocket | ssl.SSLObject) -> Verdict:
    """The verdict on a connection that MECAI has no part in, or not yet: that it was not judged, and why."""
    if connection.server_side:
        sentence = "not judged: this is the server's side of the connection, and it is clients that judge"
    elif connection.version() is None:
        sentence = "not judged: the handshake is not over, or has failed"
    else:
        sentence = _of_context(connection.context)
    return not_judged(sentence)


def not_judged(sentence: str) -> Verdict:
    """A verdict that says no more than this."""
    nothing = ("name", "at", "operators", "required", "sent", "newest", "until", "stay_days", "chain", "peer", "port")
    told: dict[str, object] = {
        **dict.fromkeys((*nothing, "failover", "bundles", "report")),
        "outcome": "not_judged",
        "code": "not_judged",
        "number": 0,
        "sentence": sentence,
        "resumed": False,
        "notes": [],
        "alarm": False,
    }
    return Verdict._from_json(json.dumps(told))


def _of_context(context: ssl.SSLContext) -> str:
    status, _ = _find.status_of(context)
    if status == 0:
        return "not judged: MECAI is not attached to the context of this connection"
    if status == _OTHER_COPY:
        return "not judged by this copy of MECAI: another one in this process attends to the context"
    return "not judged: the connection is older than what attached MECAI to its context"
