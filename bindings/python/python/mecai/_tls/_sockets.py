"""The sockets and objects of attached contexts: those of `ssl`, but for what a refused handshake raises."""

from __future__ import annotations

import socket
import ssl
import sys
import types
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .._errors import Error, VoucherError
from . import _find, _judgement, _settings, _stdlib, _unraisable

if TYPE_CHECKING:
    from .._vouching._report import Report

    # What is mixed into has these.
    class _Connection:
        _sslobj: Any
        server_side: bool

        @property
        def context(self) -> ssl.SSLContext: ...
        @context.setter
        def context(self, context: ssl.SSLContext) -> None: ...
        def version(self) -> str | None: ...
        def do_handshake(self, *arguments: Any, **named: Any) -> None: ...
        def read(self, len: int = 1024, buffer: Any = None) -> Any: ...
        def write(self, data: Any) -> int: ...
        def send(self, data: Any, flags: int = 0) -> int: ...

else:
    _Connection = object

Answer = TypeVar("Answer")

_WAITING = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Judged(_Connection):
    """Raises VoucherError where a handshake was refused: by name, or as the first octets are read or written. A client
    cannot get out of being judged by another context."""

    @property
    def context(self) -> ssl.SSLContext:
        """The context that is in use. Until a client's handshake is over, only one that judges can take its place:
        others raise Error with the code "not_attached"."""
        return super().context

    @context.setter
    def context(self, context: ssl.SSLContext) -> None:
        if not self.server_side and self.version() is None and not _is_judging(context):
            raise Error(
                "MECAI is not attached as a client to the context that shall take the place of this connection's: "
                "call mecai.attach first",
                "not_attached",
            )
        super(_Judged, type(self)).context.fset(self, context)  # type: ignore[attr-defined]

    def do_handshake(self, *arguments: Any, **named: Any) -> None:
        try:
            super().do_handshake(*arguments, **named)
        except _WAITING:
            raise
        except ssl.SSLError as error:
            raise_refusal(self, error)
            raise

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        try:
            return super().read(len, buffer)
        except _WAITING:
            raise
        except ssl.SSLError as error:
            raise_refusal(self, error)
            raise

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except _WAITING:
            raise
        except ssl.SSLError as error:
            raise_refusal(self, error)
            raise


class _JudgedSocket(_Judged):
    def send(self, data: Any, flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        except _WAITING:
            raise
        except ssl.SSLError as error:
            raise_refusal(self, error)
            raise


class _Watched(_Connection):
    """Tells of a mismatch that was let through, when the handshake is over."""

    _mecai_has_told = False

    def do_handshake(self, *arguments: Any, **named: Any) -> None:
        super().do_handshake(*arguments, **named)
        _tell_once(self)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        try:
            return super().read(len, buffer)
        finally:
            if not self._mecai_has_told:
                _tell_once(self)

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        finally:
            if not self._mecai_has_told:
                _tell_once(self)


class _WatchedSocket(_Watched):
    def send(self, data: Any, flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        finally:
            if not self._mecai_has_told:
                _tell_once(self)


class SSLSocket(_JudgedSocket, ssl.SSLSocket):  # pyright: ignore[reportIncompatibleVariableOverride]
    """`ssl.SSLSocket`, whose refused handshakes raise VoucherError."""


class SSLObject(_Judged, ssl.SSLObject):  # pyright: ignore[reportIncompatibleVariableOverride]
    """`ssl.SSLObject`, whose refused handshakes raise VoucherError."""


class WatchedSSLSocket(_WatchedSocket, SSLSocket):
    """The same, whose mismatches are told to `on_mismatch`."""


class WatchedSSLObject(_Watched, SSLObject):
    """The same, whose mismatches are told to `on_mismatch`."""


# Those that ours are derived from. Where `ssl` is loaded again, it has others.
_OWN_SOCKET, _OWN_OBJECT = ssl.SSLSocket, ssl.SSLObject


def put_into(context: ssl.SSLContext, is_watched: bool) -> Callable[[], None]:
    """Has connections of a context made of these classes; where the program has classes of its own, of such that are
    derived from them. What it gives takes them out again."""
    before = context.sslsocket_class, context.sslobject_class
    after = _derived(before[0], is_watched), _derived(before[1], is_watched)

    def put(classes: tuple[type[ssl.SSLSocket], type[ssl.SSLObject]]) -> None:
        context.sslsocket_class, context.sslobject_class = classes

    try:
        put(after)
    except BaseException:
        put(before)
        raise
    return lambda: put(before)


def raise_refusal(connection: Any, error: ssl.SSLError) -> None:
    """Raises VoucherError if it was MECAI that refused; else does nothing."""
    # Other errors are none that it could have caused: the second is of answers that break the syntax of TLS.
    if not isinstance(error, ssl.SSLCertVerificationError) and error.reason != "BAD_EXTENSION":
        return
    verdict = _ask(_judgement.of, connection)
    if verdict is None or not verdict.refused:
        return
    connection._mecai_has_told = True
    _tell(connection, verdict.report)
    raise VoucherError.of(error, verdict) from error


def _is_judging(context: ssl.SSLContext) -> bool:
    if not _stdlib.is_context(context):
        # `ssl` will tell.
        return True
    wanted = _settings.kept(context)
    return _find.status_of(context)[0] != 0 and (wanted is None or wanted.judges)


# --- Classes ---------------------------------------------------------------------------------------------------------

# By class of the program: ours, which is weak, as it holds that of the program. Some programs make a class per context.
_Classes = weakref.WeakKeyDictionary[type, "weakref.ref[type]"]
_classes: tuple[_Classes, _Classes] = (_Classes(), _Classes())


def _derived(own: type[Any], is_watched: bool) -> type[Any]:
    if own is _OWN_SOCKET:
        return WatchedSSLSocket if is_watched else SSLSocket
    if own is _OWN_OBJECT:
        return WatchedSSLObject if is_watched else SSLObject
    known = _classes[is_watched].get(own)
    derived = None if known is None else known()
    if derived is None:
        is_socket = issubclass(own, socket.socket)
        mixins: list[type] = [_WatchedSocket if is_socket else _Watched] if is_watched else []
        mixins.append(_JudgedSocket if is_socket else _Judged)
        # One that a program has derived from a class of ours has some of them.
        missing = [mixin for mixin in mixins if not issubclass(own, mixin)]
        if not missing:
            return own
        derived = types.new_class(own.__name__, (*missing, own), exec_body=_named_like(own))
        _classes[is_watched][own] = weakref.ref(derived)
    return derived


def _named_like(own: type) -> Callable[[dict[str, Any]], None]:
    names = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
    return lambda namespace: namespace.update(names)


# --- Telling ---------------------------------------------------------------------------------------------------------


def _tell_once(connection: Any) -> None:
    # The version is none until the handshake is over.
    if connection._mecai_has_told or connection._sslobj is None or connection.version() is None:
        return
    connection._mecai_has_told = True
    _tell(connection, _ask(_judgement.report_on, connection))


def _tell(connection: Any, report: Report | None) -> None:
    wanted = _settings.kept(connection.context)
    if wanted is None or wanted.on_mismatch is None or report is None:
        return
    try:
        wanted.on_mismatch(report)
    except Exception as error:
        _unraisable.report(error)


def _ask(what: Callable[[Any], Answer | None], connection: Any) -> Answer | None:
    """Asks for a verdict in the middle of what a program does: a defect of ours changes nothing there."""
    if sys.is_finalizing():
        # Too much is gone that a verdict needs. What was refused stays so, and is an error of `ssl`.
        return None
    try:
        return what(connection._sslobj)
    except Exception as error:
        _unraisable.report(error)
        return None
