"""The settings of a context: keyword arguments with the names of the keys of docs/module.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from operator import index
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypedDict

from .._errors import SettingsError

if TYPE_CHECKING:
    from ssl import SSLContext

    from .._vouching._report import Report

Path = str | os.PathLike[str]
Exempt = str | IPv4Address | IPv6Address | IPv4Network | IPv6Network


class Settings(TypedDict, total=False):
    """What `attach`, `install`, `SSLContext` and `create_default_context` take. None is as if it were not given.

    Paths may be relative: they are taken from the directory that is the current one now.
    """

    authorities: Path | None
    """The authority list, whose signatures are beside it in the same name with `.minisig`. Clients need it."""
    authorities_keys: str | Iterable[str] | None
    """Who must have signed the list: `"KEY"`, or `"M of KEY, KEY"`. Clients need it."""
    mode: Literal["require", "opportunistic", "observe", "off"] | None
    """What becomes of servers without enough vouchers: `require` (the default) refuses them."""
    role: Literal["both", "client", "server"] | None
    """Which side of the program is served: `both` is the default."""
    quorum: int | None
    """How many operators of the pick must have vouched: 2."""
    candidates: int | None
    """How many operators are picked for a server: 4."""
    region: str | None
    """Picks only operators with an authority there."""
    addresses: Literal["note", "require", "ignore"] | None
    """What becomes of a server at an address that no authority saw: `note` is the default."""
    exempt: Exempt | Iterable[Exempt] | None
    """Names, `*.suffixes`, addresses and networks of servers that need no vouchers."""
    local_roots: Path | None
    """A PEM file of roots whose certificates need no vouchers: your own CA."""
    failover: bool | Literal["on", "off"] | None
    """Whether a server's alternate is asked for: True."""
    disclose: Literal["none", "candidates"] | None
    """Whether the pick is told to servers, so that they may send less: `none`."""
    state: Path | None
    """A directory of this user's own for the secret of the pick, the highest list sequence and reports."""
    reports: bool | Literal["on", "off"] | None
    """Whether evidence of alarms is kept below `state`: True."""
    log: Path | None
    """`off` (the default), `stderr`, `syslog`, or a file."""
    vouchers: Path | None
    """The store that servers answer from."""
    on_mismatch: Callable[[Report], object] | None
    """Called with a report of each mismatch, on the thread of the handshake, when that is over."""


_PATHS = ("authorities", "local_roots", "state", "vouchers")
_WORDS = ("mode", "role", "region", "addresses", "disclose")
_NUMBERS = ("quorum", "candidates")
_SWITCHES = ("failover", "reports")
_LOG_WORDS = ("off", "stderr", "syslog")
KEYS = (*_PATHS, *_WORDS, *_NUMBERS, *_SWITCHES, "authorities_keys", "exempt", "log")


@dataclass(frozen=True)
class Wanted:
    """Settings that have been read: comparable, and independent of the current directory."""

    pairs: tuple[tuple[str, str], ...]
    on_mismatch: Callable[[Report], object] | None

    def value(self, key: str) -> str | None:
        """The text of a key."""
        return dict(self.pairs).get(key)

    @property
    def judges(self) -> bool:
        """Whether clients are meant."""
        return self.value("role") != "server"

    @property
    def serves(self) -> bool:
        """Whether servers are meant, and have something to show."""
        return self.value("role") != "client" and self.value("vouchers") is not None


def keep(context: SSLContext, wanted: Wanted) -> None:
    """Keeps with a context what it was attached with: in it, since a callback may hold the context itself."""
    vars(context)["_mecai"] = wanted


def kept(context: SSLContext) -> Wanted | None:
    """What was kept with a context."""
    return vars(context).get("_mecai")


def read(settings: Mapping[str, Any], caller: str) -> Wanted:
    """Reads keyword arguments of `caller`. Raises TypeError for a key or type that is none of those allowed, ValueError
    for a text with a NUL. What the values mean, the library checks."""
    pairs: list[tuple[str, str]] = []
    on_mismatch = None
    for key, value in settings.items():
        if key not in KEYS and key != "on_mismatch":
            raise TypeError(f"{caller}() got an unexpected keyword argument '{key}'")
        if value is None:
            continue
        if key == "on_mismatch":
            if not callable(value):
                _refuse(key, value, "a callable")
            on_mismatch = value
            continue
        # The text itself, whatever a subclass of str makes of it.
        text = str.__str__(_text(key, value))
        if "\0" in text:
            raise ValueError(f"{key} has a NUL in it: {text!r}")
        # No exemptions are the default; of any other key an empty text is an error.
        if text or key != "exempt":
            pairs.append((key, text))
    return Wanted(tuple(sorted(pairs)), on_mismatch)


def _text(key: str, value: Any) -> str:
    if key in _PATHS or (key == "log" and value not in _LOG_WORDS):
        return _path(key, value)
    if key in _NUMBERS:
        return _number(key, value)
    if key in _SWITCHES and isinstance(value, bool):
        return "on" if value else "off"
    if key == "authorities_keys" and not isinstance(value, str):
        return _list(key, value, (str,), "a str, or some of them")
    if key == "exempt" and not isinstance(value, str):
        networks = (IPv4Address, IPv6Address, IPv4Network, IPv6Network)
        values = (value,) if isinstance(value, networks) else value
        return _list(key, values, (str, *networks), "a name, address or network, or some of them")
    if not isinstance(value, str):
        _refuse(key, value, "a bool or a str" if key in _SWITCHES else "a str")
    return value


def _path(key: str, value: Any) -> str:
    try:
        path = str.__str__(os.fsdecode(value))
    except TypeError:
        _refuse(key, value, "a str or os.PathLike")
    if not path:
        raise SettingsError(f"{key} is empty", "settings")
    return path if "\0" in path else os.path.abspath(path)


def _number(key: str, value: Any) -> str:
    if isinstance(value, bool):
        _refuse(key, value, "an int")
    try:
        return str(index(value))
    except TypeError:
        _refuse(key, value, "an int")


def _list(key: str, values: Any, kinds: tuple[type, ...], wanted: str) -> str:
    if issubclass(type(values), (bytes, bytearray, memoryview, Mapping)):
        _refuse(key, values, wanted)
    try:
        items: list[Any] = list(values)
    except TypeError:
        _refuse(key, values, wanted)
    texts: list[str] = []
    for value in items:
        if not isinstance(value, kinds):
            _refuse(key, value, wanted)
        text = (str.__str__(value) if isinstance(value, str) else str(value)).strip()
        # One value would be read as two, or as none.
        if not text or "," in text:
            raise SettingsError(f"{key} has {value!r} in it: an item is not empty and has no comma", "settings")
        texts.append(text)
    return ",".join(texts)


def _refuse(key: str, value: object, wanted: str) -> NoReturn:
    raise TypeError(f"{key} must be {wanted}, not {type(value).__name__}") from None
