"""The context that does the work of what a program calls a context."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

from mecai._native import lib

from .._errors import UnsupportedInterpreter
from . import _find, _stdlib

# A name that no server has.
_NAME = "mecai.invalid"


def worker(context: object) -> ssl.SSLContext:
    """The context of the standard library that makes the connections of `context`: itself, or that which it leaves all
    work to.

    Raises TypeError for what is no context, or has its connections made by one that cannot be found; and
    UnsupportedInterpreter for those that are not of `ssl`.
    """
    outer = _plain(context)
    if _makes(outer, _find.pointer(outer)):
        return outer
    inner: Any = getattr(outer, "_ctx", None)
    if _stdlib.is_context(inner) and _makes(outer, _find.pointer(inner)):
        return inner  # type: ignore[no-any-return]
    kind = type(context)
    raise TypeError(
        f"context must make its connections itself: those of a {kind.__module__}.{kind.__qualname__} are made by "
        "another context, so attach that one"
    )


def _plain(context: object) -> ssl.SSLContext:
    kind = type(context)
    # truststore's, that of pip, and subclasses, which programs get that derive from ssl.SSLContext after its
    # inject_into_ssl: a context itself, and leaves all work to another one.
    is_truststore = any("truststore" in base.__module__.split(".") for base in kind.__mro__)
    inner: object = getattr(context, "_ctx", None) if is_truststore else None
    if inner is not None:
        return _plain(inner)
    if _stdlib.is_context(context):
        return context  # type: ignore[return-value]
    package = kind.__module__.partition(".")[0]
    if package in ("OpenSSL", "cryptography") or kind.__module__ == "urllib3.contrib.pyopenssl":
        raise UnsupportedInterpreter(
            f"MECAI cannot be attached to a {kind.__module__}.{kind.__qualname__}: the package cryptography has an "
            "OpenSSL of its own linked in and hidden. Use a context of the module ssl.",
            "hidden",
        )
    raise TypeError(f"context must be an ssl.SSLContext, not {kind.__name__}")


def _makes(context: ssl.SSLContext, wanted: Any) -> bool:
    """Whether the connections that programs get of a context, in either way, are of this SSL_CTX. No octet leaves."""
    is_server = _stdlib.protocol_of(context) == ssl.PROTOCOL_TLS_SERVER
    named: dict[str, Any] = {"server_side": True} if is_server else {"server_hostname": _NAME}

    def by_bios() -> ssl.SSLObject:
        return context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), **named)

    def by_sockets() -> ssl.SSLSocket:
        here, there = socket.socketpair()
        with here, there:
            return context.wrap_socket(here, do_handshake_on_connect=False, **named)

    return _is_of(wanted, by_bios) and _is_of(wanted, by_sockets)


def _is_of(wanted: Any, make: Callable[[], Any]) -> bool:
    try:
        connection, made = _find.making(make)
    except UnsupportedInterpreter:
        return False
    except Exception:
        # It cannot be used so, as with the callbacks of a program that expect more. That proves nothing.
        return True
    found = lib.mecai_openssl_find_context(made)
    if isinstance(connection, socket.socket):
        connection.close()
    return bool(found == wanted)
