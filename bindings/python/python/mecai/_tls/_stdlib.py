"""The class `ssl.SSLContext` of the standard library itself, whatever a program has put in its place meanwhile
(truststore and gevent do that)."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

_Base: Any = ssl._ssl._SSLContext  # type: ignore[attr-defined]


def classes() -> list[type[ssl.SSLContext]]:
    """Every class `ssl.SSLContext` of this process, the oldest first. There are more where `ssl` was loaded again."""
    names = ("ssl", "SSLContext")
    return [kind for kind in _Base.__subclasses__() if (kind.__module__, kind.__qualname__) == names]


if TYPE_CHECKING:
    from ssl import SSLContext as SSLContext
else:

    SSLContext = next(iter(classes()), ssl.SSLContext)


class Apart(SSLContext):
    """A context that `install` leaves alone: who makes it has other plans."""


def protocol_of(context: ssl.SSLContext) -> int:
    """The protocol of a context: of it itself, whatever a subclass says, which may not be finished yet."""
    protocol: int = _Base.protocol.__get__(context)
    return protocol


def is_context(value: object) -> bool:
    """Whether it is a context of `ssl` itself, or of a subclass. Asks no property of it, as isinstance would."""
    kind = type(value)
    return issubclass(kind, _Base) and any(issubclass(kind, known) for known in classes())


def is_connection(value: object) -> bool:
    """Whether it is a connection of `ssl`, or of a subclass."""
    names = [(kind.__module__, kind.__qualname__) for kind in type(value).__mro__]
    return ("ssl", "SSLSocket") in names or ("ssl", "SSLObject") in names
