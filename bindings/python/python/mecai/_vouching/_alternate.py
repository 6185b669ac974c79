"""A server's second certificate, as the library takes it (docs/spec.md, section 8, "Failover")."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from mecai._native import ffi, lib

from .._errors import FormatError
from .._library import _call

if TYPE_CHECKING:
    from typing_extensions import Buffer

Verification: TypeAlias = "Callable[[tuple[bytes, ...]], Iterable[Buffer]]"

# X509_V_ERR_HOSTNAME_MISMATCH, _EMAIL_MISMATCH and _IP_ADDRESS_MISMATCH: trusted, and for somebody else.
_WRONG_NAME = (62, 63, 64)


def read(answer: bytes, key: bytes) -> Any:
    """The mecai_alternate of an answer, in a handshake on this key (SubjectPublicKeyInfo)."""
    return _call.new("mecai_alternate", lib.mecai_alternate_read, answer, len(answer), key, len(key))


def is_used(verdict: Any) -> bool:
    """Whether a mecai_verdict is that on the alternate."""
    failover = ffi.new("uint32_t *")
    _call.call(lib.mecai_verdict_failover, verdict, failover, ffi.NULL)
    return bool(failover[0] == lib.MECAI_FAILOVER_USED)


def verify(alternate: Any, verification: Verification, meant: str) -> list[bytes]:
    """Tells an alternate what the program's own verification says of it; gives the chain, none if it was refused."""
    count = ffi.new("size_t *")
    _call.call(lib.mecai_alternate_get, alternate, count, ffi.NULL, ffi.NULL)
    if count[0] == 0:
        return []
    offered: list[bytes] = []
    for index in range(count[0]):
        certificate = ffi.new("mecai_bytes *")
        _call.call(lib.mecai_alternate_certificate, alternate, index, certificate)
        offered.append(_call.octets_of(certificate))
    try:
        accepted = _call.items(verification(tuple(offered)), "what verification gives")
    except ssl.SSLCertVerificationError as error:
        # A program that raises it itself may have left it out.
        if getattr(error, "verify_code", None) in _WRONG_NAME:
            _call.call(lib.mecai_alternate_set_wrong_name, alternate, _call.text(meant, "host"))
        else:
            reason = str(getattr(error, "verify_message", "") or error).replace("\0", " ")
            _call.call(lib.mecai_alternate_set_not_trusted, alternate, str.encode(reason, errors="replace"))
        return []
    views = _call.Views(accepted)
    try:
        _call.call(lib.mecai_alternate_set_chain, alternate, views.views, len(views))
    except FormatError:
        # The alternate is refused for that: the verdict says so.
        return []
    return accepted


def bundles(answer: bytes) -> tuple[bytes, ...]:
    """The bundles in an answer to mecai_alternate, unread."""
    handle = _call.new("mecai_answer", lib.mecai_answer_read_alternate, answer, len(answer))
    count, view = ffi.new("size_t *"), ffi.new("mecai_bytes *")
    _call.call(lib.mecai_answer_counts, handle, count, ffi.NULL, ffi.NULL, ffi.NULL)
    found: list[bytes] = []
    for index in range(count[0]):
        _call.call(lib.mecai_answer_bundle, handle, index, view)
        found.append(_call.octets_of(view))
    return tuple(found)
