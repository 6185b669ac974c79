"""What the values of this package have in common: they can be printed, and become JSON."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any


class Value:
    """The base of the frozen dataclasses."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it: octets in hex, times as ISO 8601 in UTC, spans in seconds, addresses as text."""
        return {name: plain(getattr(self, name)) for name in _names(self)}

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={_shown(getattr(self, name))}" for name in _names(self))
        return f"{type(self).__name__}({members})"


def plain(value: Any) -> Any:
    """What JSON can hold of a member of a value."""
    if isinstance(value, Value):
        return value.to_dict()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, timedelta):
        return value // timedelta(seconds=1)
    if isinstance(value, (IPv4Address, IPv6Address, IPv4Network, IPv6Network)):
        return str(value)
    if isinstance(value, tuple):
        return [plain(element) for element in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def iso(time: datetime) -> str:
    """A time as ISO 8601 in UTC, to the second: "2026-11-26T03:10:00Z"."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# Enough to tell two apart, and a line is not filled with digits.
_SHOWN_OCTETS = 8


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= _SHOWN_OCTETS else f"{value[:_SHOWN_OCTETS].hex()}… ({len(value)} octets)"
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, (IPv4Address, IPv6Address, IPv4Network, IPv6Network)):
        return str(value)
    if isinstance(value, tuple):
        shown = [_shown(element) for element in value]  # pyright: ignore[reportUnknownVariableType]
        return f"({', '.join(shown)}{',' if len(shown) == 1 else ''})"
    return repr(value)


def _names(value: Value) -> list[str]:
    return [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]  # pyright: ignore
