"""Where OpenSSL's own objects are behind those of `ssl`, which hides them.

No layout of any struct is assumed. The library sees every connection that OpenSSL makes; so a connection is made from a
context by way of `ssl`, and asked which context it is of.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from mecai._native import ffi, lib

from .._errors import Error, InternalError, UnsupportedInterpreter
from . import _stdlib

Made = TypeVar("Made")

# What a sentence of the library may need.
SENTENCE_SIZE = 1024

# What a signal handler or a finalizer makes meanwhile on this thread would be mistaken for ours.
_ATTEMPTS = 5

_is_prepared = False


def prepare() -> None:
    """Lets the library find what the interpreter's OpenSSL makes from now on. Cheap when repeated.

    Raises UnsupportedInterpreter where that is impossible, and says why.
    """
    global _is_prepared
    if _is_prepared:
        return
    file = getattr(ssl._ssl, "__file__", None)  # type: ignore[attr-defined]
    sentence = ffi.new("char[]", SENTENCE_SIZE)
    result = lib.mecai_openssl_find_in(ffi.NULL if file is None else os.fsencode(file), sentence, SENTENCE_SIZE)
    if result == lib.MECAI_OPENSSL_ERR_PANIC:
        raise InternalError(text(sentence), "internal")
    if result != lib.MECAI_OPENSSL_OK:
        raise UnsupportedInterpreter(unsupported(text(sentence)), "hidden")
    _is_prepared = True


def unsupported(why: str) -> str:
    """Why nothing can be attached in this interpreter, and what to do."""
    return (
        f"MECAI cannot be attached in this interpreter, {sys.executable} with {ssl.OPENSSL_VERSION}: {why}. "
        "Interpreters that have OpenSSL linked in and hidden, such as those that uv downloads, cannot be served: "
        "take one that uses the system's OpenSSL, such as that of the distribution, of pyenv or of conda."
    )


def text(sentence: Any) -> str:
    """A sentence that the library has written. What was cut off in the middle of a character ends before it."""
    octets: bytes = ffi.string(sentence)
    return octets.decode("utf-8", "ignore")


def pointer(context: ssl.SSLContext) -> Any:
    """The SSL_CTX of a context, which has to be kept alive while it is used."""
    prepare()
    # By the method that wrap_bio ends in, since a subclass may have a wrap_bio of its own. No octet leaves.
    is_server = _stdlib.protocol_of(context) == ssl.PROTOCOL_TLS_SERVER
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    wrap: Callable[..., Any] = ssl._ssl._SSLContext._wrap_bio  # type: ignore[attr-defined]
    connection, made = making(partial(wrap, context, incoming, outgoing, server_side=is_server))
    found = lib.mecai_openssl_find_context(made)
    del connection
    if found == ffi.NULL:
        raise UnsupportedInterpreter(unsupported("its connections do not say which context they are of"), "hidden")
    return found


def making(make: Callable[[], Made]) -> tuple[Made, Any]:
    """What `make` gives, which makes one connection, and the SSL of that. The SSL lives as long as what was given."""
    for _ in range(_ATTEMPTS):
        lib.mecai_openssl_find_begin()
        made = make()
        found = lib.mecai_openssl_find_made()
        if found != ffi.NULL:
            return made, found
    raise UnsupportedInterpreter(unsupported("a new connection was not seen, or more than one"), "hidden")


def by_object(connection: Any) -> Any:
    """The SSL behind `_sslobj` of a connection, or NULL: a client's, of a context that MECAI is attached to, whose
    handshake has begun."""
    return lib.mecai_openssl_find_by_data(ffi.cast("void *", id(connection)))


def failure(result: int, sentence: str) -> Error | None:
    """What a result of the library that every call may give is raised as; none for others."""
    if result == lib.MECAI_OPENSSL_ERR_PANIC:
        return InternalError("the library has failed inside: please report this", "internal")
    if result in (lib.MECAI_OPENSSL_ERR_HIDDEN, lib.MECAI_OPENSSL_ERR_TOO_MANY):
        return UnsupportedInterpreter(unsupported(sentence), "hidden")
    return None


def status_of(context: ssl.SSLContext) -> tuple[int, str]:
    """What the library has seen of a context: a number and a sentence (docs/c-openssl.md)."""
    sentence = ffi.new("char[]", SENTENCE_SIZE)
    return lib.mecai_openssl_context_status(pointer(context), sentence, SENTENCE_SIZE), text(sentence)


def status() -> tuple[int, str]:
    """What the library has seen in this process."""
    sentence = ffi.new("char[]", SENTENCE_SIZE)
    return lib.mecai_openssl_status(sentence, SENTENCE_SIZE), text(sentence)
