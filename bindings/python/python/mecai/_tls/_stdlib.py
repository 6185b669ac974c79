"""The class `ssl.SSLContext` of the standard library itself, whatever a program has put in its place meanwhile
(truststore and gevent do that)."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext as SSLContext
else:

    def _own_class() -> type:
        for candidate in ssl._ssl._SSLContext.__subclasses__():
            if (candidate.__module__, candidate.__qualname__) == ("ssl", "SSLContext"):
                return candidate
        return ssl.SSLContext

    SSLContext = _own_class()


class Apart(SSLContext):
    """A context that `install` leaves alone: who makes it has other plans."""


def protocol_of(context: SSLContext) -> int:
    """The protocol of a context: of it itself, whatever a subclass says, which may not be finished yet."""
    protocol: int = vars(SSLContext)["protocol"].fget(context)
    return protocol


def is_context(value: object) -> bool:
    """Whether it is a context of `ssl` itself, or of a subclass. Asks no property of it, as isinstance would."""
    return issubclass(type(value), SSLContext)
