"""One statement, and a question to each authority that can vouch for it (docs/spec.md, section 9). Does no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mecai._native import ffi, lib

from .._errors import Error
from .._library import _call
from .._library._handle import handle_of
from .._library._value import Value
from .._vouching._bundle import Bundle, Statement, read_bundle
from .._vouching._list import AuthorityList
from ._http import Question, Reply, Silence

Protocol = Literal["tls", "smtp", "imap", "pop3", "postgres"]

PROTOCOLS: dict[str, int] = {
    "tls": lib.MECAI_PROTOCOL_TLS,
    "smtp": lib.MECAI_PROTOCOL_SMTP,
    "imap": lib.MECAI_PROTOCOL_IMAP,
    "pop3": lib.MECAI_PROTOCOL_POP3,
    "postgres": lib.MECAI_PROTOCOL_POSTGRES,
}


@dataclass(frozen=True, slots=True, repr=False)
class Failure(Value):
    """Why an authority did not vouch."""

    operator: str
    """The id of the authority's operator."""
    authority: bytes
    """The authority's id: 8 octets."""
    code: str
    """A word that never changes: the code of the authority's problem, such as "wrong_certificate", or "unreachable",
    "timeout", "wrong_content_type", "answer_too_large", "answer_malformed", "wrong_authority", "bad_signature",
    "unexpected_status"."""
    explanation: str
    retry_at: datetime | None
    """Before when it asked not to be asked again."""


class Request:
    """One round of questions. Used by one thread at a time."""

    def __init__(self, authorities: AuthorityList, statement: Statement, protocol: int, deadline: int) -> None:
        self._authorities = authorities
        builder = _call.new("mecai_request_builder", lib.mecai_request_builder_new)
        _call.call(lib.mecai_request_builder_set_list, builder, handle_of(authorities))
        host = _call.text(statement.host, "host")
        _call.call(lib.mecai_request_builder_set_server, builder, host, statement.port)
        for address in statement.addresses:
            _call.call(lib.mecai_request_builder_add_address, builder, address.packed, len(address.packed))
        certificate = statement.certificate
        _call.call(lib.mecai_request_builder_set_certificate, builder, certificate, len(certificate))
        _call.call(lib.mecai_request_builder_set_protocol, builder, protocol)
        produced_at = _call.seconds(statement.produced_at, "produced_at")
        lifetime = _call.seconds(statement.not_after, "not_after") - produced_at
        _call.call(lib.mecai_request_builder_set_times, builder, produced_at, lifetime, deadline)
        if statement.stay is not None:
            _call.call(lib.mecai_request_builder_set_stay, builder, statement.stay)
        self._handle = _call.new("mecai_request", lib.mecai_request_builder_build, builder)
        count = ffi.new("size_t *")
        _call.call(lib.mecai_request_counts, self._handle, count, ffi.NULL, ffi.NULL)
        self.questions = [self._question(index) for index in range(count[0])]

    def take(self, index: int, reply: Reply | Silence, now: int) -> None:
        """The reply of the authority with an index, each once. Why it has not vouched, `failures` tells."""
        try:
            self._take(index, reply, now)
        except Error as error:
            if error.code != "not_vouched":
                raise

    def failures(self) -> tuple[Failure, ...]:
        """The authorities that have replied and have not vouched."""
        told = (self._failure(index) for index in range(len(self.questions)))
        return tuple(failure for failure in told if failure is not None)

    def bundle(self) -> tuple[Bundle | None, int]:
        """The bundle of the endorsements that have come, none without any; and how many had to be left out for it to
        fit a server's answer."""
        place, left_out, error = ffi.new("mecai_bundle **"), ffi.new("size_t *"), ffi.new("mecai_error **")
        result = lib.mecai_request_bundle(self._handle, place, left_out, error)
        if result == lib.MECAI_ERR_NONE:
            _call.take_sentence(error)
            return None, 0
        _call.check(result, error)
        return read_bundle(ffi.gc(place[0], lib.mecai_bundle_free)), left_out[0]

    def _take(self, index: int, reply: Reply | Silence, now: int) -> None:
        if isinstance(reply, Reply):
            headers = (_header(reply.content_type), _header(reply.retry_after))
            answer = (self._handle, index, reply.status, *headers, reply.body, len(reply.body), now)
            _call.call(lib.mecai_request_answer, *answer)
        elif reply.why:
            _call.call(lib.mecai_request_unreachable, self._handle, index, _header(reply.why))
        else:
            _call.call(lib.mecai_request_timed_out, self._handle, index)

    def _question(self, index: int) -> Question:
        views = ffi.new("mecai_bytes[4]")
        _call.call(lib.mecai_request_question, self._handle, index, views, views + 1, views + 2, views + 3, ffi.NULL)
        url, method, content_type = (_call.text_of(view) for view in views[0:3])
        return Question(url, method, content_type, _call.octets_of(views[3]))

    def _failure(self, index: int) -> Failure | None:
        code, sentence, authority = ffi.new("mecai_bytes *"), ffi.new("mecai_bytes *"), ffi.new("mecai_bytes *")
        retry_at, operator, error = ffi.new("uint64_t *"), ffi.new("size_t *"), ffi.new("mecai_error **")
        result = lib.mecai_request_failure(self._handle, index, code, sentence, ffi.NULL, retry_at, error)
        if result == lib.MECAI_ERR_NONE:
            _call.take_sentence(error)
            return None
        _call.check(result, error)
        _call.call(lib.mecai_request_authority, self._handle, index, operator, authority)
        return Failure(
            operator=self._authorities.operators[int(operator[0])].id,
            authority=_call.octets_of(authority),
            code=_call.text_of(code),
            explanation=_call.text_of(sentence),
            retry_at=_call.moment(retry_at[0]) if retry_at[0] else None,
        )


def _header(text: str | None) -> Any:
    """A text of somebody else's."""
    return ffi.NULL if text is None else str.encode(text.replace("\0", " "), errors="replace")
