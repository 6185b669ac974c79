"""What `ssl.create_default_context` sets, for contexts of other classes."""

from __future__ import annotations

import os
import ssl
import sys
from typing import TypeVar

Context = TypeVar("Context", bound=ssl.SSLContext)


def fill(
    context: Context,
    purpose: ssl.Purpose,
    cafile: str | os.PathLike[str] | None,
    capath: str | os.PathLike[str] | None,
    cadata: str | bytes | None,
) -> Context:
    """Sets a new context of the right protocol as `ssl.create_default_context` would, and gives it back."""
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if cafile or capath or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    elif context.verify_mode != ssl.CERT_NONE:
        context.load_default_certs(purpose)
    keylog = os.environ.get("SSLKEYLOGFILE")
    if keylog and not sys.flags.ignore_environment:
        context.keylog_filename = keylog
    return context


def protocol(purpose: ssl.Purpose) -> ssl._SSLMethod:
    """The protocol of contexts for a purpose. Raises TypeError and ValueError as `ssl.create_default_context` does."""
    if not isinstance(purpose, ssl.Purpose):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(purpose)
    return {
        ssl.Purpose.SERVER_AUTH: ssl.PROTOCOL_TLS_CLIENT,
        ssl.Purpose.CLIENT_AUTH: ssl.PROTOCOL_TLS_SERVER,
    }[purpose]
