"""Whether MECAI is at work: in the process, and in one context."""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass
from typing import Any, Literal, overload

from .._errors import Error, UnsupportedInterpreter
from .._library._value import Value
from . import _attach, _find, _install, _settings, _stdlib, _worker

Working = Literal["not_installed", "installed", "working", "replaced", "broken", "unknown"]
State = Literal["not_attached", "attached", "working", "replaced", "broken", "other_copy"]

_WORKING: tuple[Working, ...] = ("not_installed", "installed", "working", "replaced", "broken", "unknown")
_STATES: dict[int, State] = {
    0: "not_attached",
    1: "attached",
    2: "working",
    3: "replaced",
    4: "broken",
    6: "other_copy",
}

_PAST = (
    "new contexts are made past MECAI, since somebody has replaced ssl.SSLContext or its constructor: "
    "call mecai.install again"
)


@dataclass(frozen=True, slots=True, repr=False)
class Status(Value):
    """MECAI in this process."""

    installed: bool
    """Whether `install` is in force."""
    settings: tuple[tuple[str, str], ...] | None
    """Its settings, keys and values, as the library has them."""
    working: Working
    """What the library has seen. "not_installed": it is attached to nothing. "installed": no handshake was judged yet.
    "working": one was. "replaced": a handshake went on without being judged, or new contexts are made past `install`.
    "broken": the authority list cannot be used. "unknown": nothing can be known."""
    explanation: str
    """One sentence that says more."""
    attached: int
    """How many contexts that are alive this package has attached."""
    left_to_others: int
    """How many `install` has left as they were, since MECAI was attached to them by openssl.cnf or another copy."""
    other_copy: str | None
    """What is known of another MECAI that attends to every new context of this process; None if there is none."""
    openssl: str
    """The interpreter's OpenSSL."""
    unsupported: str | None
    """Why nothing can be attached in this interpreter; None if it can."""

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {**Value.to_dict(self), "settings": None if self.settings is None else dict(self.settings)}

    def __str__(self) -> str:
        if self.unsupported is not None:
            return self.unsupported
        installed = "installed in this process" if self.installed else "not installed in this process as a whole"
        contexts = f"{self.attached} context{'s have' if self.attached != 1 else ' has'} it"
        others = f", {self.left_to_others} more by somebody else" if self.left_to_others else ""
        other = f" Of new contexts: {self.other_copy}." if self.other_copy else ""
        seen = "" if self.working == "not_installed" else f" {self.explanation[:1].upper()}{self.explanation[1:]}."
        return (
            f"MECAI is {installed}; {contexts}{others}.{seen}{other} "
            f"Python {sys.version.split()[0]} with {self.openssl} can be served."
        )


@dataclass(frozen=True, slots=True, repr=False)
class ContextStatus(Value):
    """MECAI in one context."""

    state: State
    """"not_attached"; "attached": no handshake was judged yet, as always of a server's; "working": one was judged;
    "replaced": a handshake went on without being judged; "broken": there is no list that can be used, and clients
    refuse; "other_copy": another copy of MECAI attends to it that cannot be asked, or a serverinfo file does. Of one
    that can be asked, it is what that says, and `settings` is None."""
    explanation: str
    """One sentence that says more."""
    settings: tuple[tuple[str, str], ...] | None
    """What this package has attached it with, keys and values; None if it was not this package."""

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {**Value.to_dict(self), "settings": None if self.settings is None else dict(self.settings)}

    def __str__(self) -> str:
        return self.explanation


@overload
def status() -> Status: ...
@overload
def status(context: ssl.SSLContext) -> ContextStatus: ...
def status(context: ssl.SSLContext | None = None) -> Status | ContextStatus:
    """Whether MECAI is at work: in this process, or in one context.

    Of a context, raises what `attach` raises for what is none, or cannot be reached. Any thread may ask.
    """
    if context is None:
        return _of_process()
    plain = _worker.worker(context)
    number, sentence = _find.status_of(plain)
    wanted = _settings.kept(plain)
    return ContextStatus(
        state=_STATES.get(number, "other_copy"),
        explanation=sentence,
        settings=None if wanted is None else wanted.pairs,
    )


def _of_process() -> Status:
    wanted = _install.installed()
    number, sentence = _find.status()
    if wanted is not None and not _is_in_force():
        number = _WORKING.index("replaced")
        sentence = _PAST
    attached, left_to_others = _attach.counts()
    other_copy = unsupported = None
    try:
        seen, told = _find.status_of(_stdlib.Apart(ssl.PROTOCOL_TLS_CLIENT))
        other_copy = told if seen != 0 else None
    except UnsupportedInterpreter as error:
        unsupported = str(error)
    return Status(
        installed=wanted is not None,
        settings=None if wanted is None else wanted.pairs,
        working=_WORKING[number] if number < len(_WORKING) else "unknown",
        explanation=sentence,
        attached=attached,
        left_to_others=left_to_others,
        other_copy=other_copy,
        openssl=ssl.OPENSSL_VERSION,
        unsupported=unsupported,
    )


def _is_in_force() -> bool:
    try:
        return _install.is_in_force()
    except Error:
        # Then no context can be made, and none without MECAI.
        return True
