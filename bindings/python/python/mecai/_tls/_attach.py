"""MECAI in one context that a program has made."""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import weakref
from typing import TYPE_CHECKING

from mecai._native import ffi, lib

from .._errors import AlreadyAttached, Error, SettingsError
from . import _find, _settings, _sockets, _stdlib, _worker
from ._settings import Settings, Wanted

if TYPE_CHECKING:
    from typing_extensions import Unpack

# OpenSSL wants one thread at a time for a context. Reentrant, as a finalizer may make a context meanwhile.
_lock = threading.RLock()

# Contexts that are alive, and have MECAI by this package.
_attached: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()

# Those that `install` found to have MECAI by somebody else.
_of_others: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()


def attach(context: ssl.SSLContext, **settings: Unpack[Settings]) -> None:
    """Has the connections that are made from `context` from now on judged by MECAI, or, of a server's context, vouchers
    shown by them.

    `context` is an `ssl.SSLContext`, or one that leaves the work to another as its `_ctx`, like that of truststore:
    connections are made to see which, and given up at once. Connections that it has made already ask for no vouchers,
    so attach it before it is used, and while no other thread uses it. There is no way to take MECAI out again.

    Raises SettingsError, which names the key, for settings that cannot be used; AlreadyAttached for a context that has
    MECAI, by an earlier call, by `install`, or by openssl.cnf; UnsupportedInterpreter where the context's OpenSSL
    cannot be reached; TypeError and ValueError for arguments of the wrong kind, and TypeError for a context that has
    its connections made by one that cannot be found. The context is then as it was.
    """
    attach_wanted(_worker.worker(context), _settings.read(settings, "attach"))


def attach_wanted(context: ssl.SSLContext, wanted: Wanted) -> None:
    """Attaches MECAI with settings that have been read."""
    strings = [ffi.new("char[]", text.encode("utf-8", "surrogateescape")) for pair in wanted.pairs for text in pair]
    sentence = ffi.new("char[]", _find.SENTENCE_SIZE)
    is_client = makes_clients(context) and wanted.judges
    with _lock, contextlib.ExitStack() as undoing:
        # First what the program's own classes may object to: what comes after it cannot be undone.
        if is_client:
            undoing.callback(_sockets.put_into(context, is_watched=wanted.on_mismatch is not None))
        result = lib.mecai_openssl_attach(
            _find.pointer(context),
            ffi.new("const char *[]", strings),
            len(strings),
            sentence,
            _find.SENTENCE_SIZE,
        )
        if result != lib.MECAI_OPENSSL_OK:
            raise _failure(result, _find.text(sentence))
        undoing.pop_all()
        _attached.add(context)
        _settings.keep(context, wanted)


def is_useful(context: ssl.SSLContext, wanted: Wanted) -> bool:
    """Whether settings for a whole program have something for this context, which makes clients, servers or both."""
    return (makes_clients(context) and wanted.judges) or (makes_servers(context) and wanted.serves)


def makes_clients(context: ssl.SSLContext) -> bool:
    """Whether connections of this context can be clients."""
    return _stdlib.protocol_of(context) != ssl.PROTOCOL_TLS_SERVER


def makes_servers(context: ssl.SSLContext) -> bool:
    """Whether connections of this context can be servers."""
    return _stdlib.protocol_of(context) != ssl.PROTOCOL_TLS_CLIENT


def leave_to_others(context: ssl.SSLContext) -> None:
    """Notes a context that has MECAI already, if this package did not attach it."""
    with _lock:
        if context not in _attached:
            _of_others.add(context)


def is_known(context: ssl.SSLContext) -> bool:
    """Whether this package has attached a context, or has seen that it has MECAI by somebody else."""
    with _lock:
        return context in _attached or context in _of_others


def counts() -> tuple[int, int]:
    """How many contexts are alive that were attached by this package, and that were left to others."""
    with _lock:
        return len(_attached), len(_of_others)


def _failure(result: int, sentence: str) -> Error:
    if result == lib.MECAI_OPENSSL_ERR_ALREADY_ATTACHED:
        return AlreadyAttached(sentence, "already_attached")
    if result in (lib.MECAI_OPENSSL_ERR_SETTINGS, lib.MECAI_OPENSSL_ERR_FILE):
        return SettingsError(sentence, "settings" if result == lib.MECAI_OPENSSL_ERR_SETTINGS else "file")
    return _find.failure(result, sentence) or Error(sentence, "openssl")


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


# A thread that held it is not in a child.
os.register_at_fork(after_in_child=_renew_lock)
