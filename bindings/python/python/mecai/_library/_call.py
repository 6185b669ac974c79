"""Calls of the C functions: what goes in, what comes out, and what a failure raises.

A buffer or text is copied before a call: another thread may change a bytearray while the library reads it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv6Address, ip_address
from operator import index
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeGuard, TypeVar

from mecai._native import ffi, lib

from .._errors import Error, FormatError, InternalError, NotVouched, SettingsError, StoreError

if TYPE_CHECKING:
    from typing_extensions import Buffer

Word = TypeVar("Word")
Address: TypeAlias = "IPv4Address | IPv6Address"

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# The last second that a datetime can hold.
LAST_SECOND = 253_402_300_799


# --- Calls -----------------------------------------------------------------------------------------------------------


def call(function: Any, *arguments: Any) -> None:
    """Calls a function of the library, whose last argument is the place for an error."""
    error = ffi.new("mecai_error **")
    check(function(*arguments, error), error)


def check(result: int, error: Any) -> None:
    """Raises what the result of a call says; frees the error in its cell."""
    if result != lib.MECAI_OK:
        raise failure(result, error)


def failure(result: int, error: Any) -> Error:
    """The exception for a result that is not MECAI_OK; frees the error in its cell."""
    word = string(lib.mecai_result_str(result))
    if result == lib.MECAI_ERR_PANIC:
        return InternalError("the library has failed inside: please report this", "internal")
    sentence = take_sentence(error) or word
    return _class_of(result)(sentence, word)


def warn(error: Any, what: str) -> None:
    """Logs, where a call has worked all the same, what the error in its cell says, and frees it."""
    problem = take_sentence(error)
    if problem is not None:
        logging.getLogger("mecai").warning("%s: %s", what, problem)


def take_sentence(error: Any) -> str | None:
    """The sentence of the error in a cell, which is freed; none if there is no error."""
    if error[0] == ffi.NULL:
        return None
    view = ffi.new("mecai_bytes *")
    lib.mecai_error_get(error[0], ffi.NULL, view)
    sentence = text_of(view)
    lib.mecai_error_free(error[0])
    error[0] = ffi.NULL
    return sentence


def new(kind: str, function: Any, *arguments: Any) -> Any:
    """A handle that a function makes, such as "mecai_bundle"; it is freed once, with the object that is returned."""
    place = ffi.new(f"{kind} **")
    call(function, *arguments, place)
    return ffi.gc(place[0], getattr(lib, f"{kind}_free"))


def _class_of(result: int) -> type[Error]:
    if lib.MECAI_ERR_MALFORMED <= result < lib.MECAI_ERR_STORE or result == lib.MECAI_ERR_REPORT:
        return FormatError
    if result in (lib.MECAI_ERR_STORE, lib.MECAI_ERR_STATE):
        return StoreError
    if result == lib.MECAI_ERR_NOT_VOUCHED:
        return NotVouched
    if lib.MECAI_ERR_NOT_UTF8 <= result <= lib.MECAI_ERR_MISSING:
        return SettingsError
    if result in (lib.MECAI_ERR_NONE, lib.MECAI_ERR_UNSUPPORTED):
        return Error
    return InternalError


# --- What comes out --------------------------------------------------------------------------------------------------


def string(text: Any) -> str:
    """A static text."""
    decoded: bytes = ffi.string(text)
    return decoded.decode()


def octets_of(view: Any) -> bytes:
    """A copy of what a view shows."""
    return bytes(ffi.buffer(view.data, view.len)) if view.len else b""


def text_of(view: Any) -> str:
    """A copy of the text that a view shows."""
    return octets_of(view).decode()


def address_of(octets: bytes) -> Address:
    """The address of 4 or 16 octets in network order."""
    return ip_address(octets)


def moment(seconds: int) -> datetime:
    """The time of so many seconds since 1970, in UTC."""
    return EPOCH + timedelta(seconds=min(seconds, LAST_SECOND))


# --- What goes in ----------------------------------------------------------------------------------------------------


def octets(value: Buffer, name: str) -> bytes:
    """A copy of the octets of a bytes-like object. `name` is that of the argument."""
    if type(value) is bytes:
        return value
    if type(value) is bytearray:
        return bytes(value)
    try:
        # Not bytes(value): that would take an int, a list, or what __bytes__ of a subclass makes up.
        with memoryview(value) as view:
            return view.tobytes()
    except TypeError:
        if hasattr(type(value), "__buffer__"):  # It is one, and has failed.
            raise
        refuse(value, name, "bytes-like object")


def is_buffer(value: object) -> TypeGuard[Buffer]:
    """Whether something is a bytes-like object, such as an array, which may be an iterable as well."""
    try:
        memoryview(value).release()  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    except TypeError:
        return hasattr(type(value), "__buffer__")
    return True


def text(value: str, name: str) -> bytes:
    """A text as the library takes it."""
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        refuse(value, name, "str")
    encoded = str.encode(value)
    if b"\0" in encoded:
        raise ValueError(f"{name} has a NUL in it: {value!r}")
    return encoded


def path(value: str | bytes | os.PathLike[str] | os.PathLike[bytes], name: str) -> bytes:
    """A path as the library takes it."""
    try:
        encoded = os.fsencode(value)
    except TypeError:
        refuse(value, name, "str, bytes or os.PathLike")
    if b"\0" in encoded:
        raise ValueError(f"{name} has a NUL in it: {value!r}")
    return encoded


def number(value: int, name: str, lowest: int, highest: int) -> int:
    """A number within bounds."""
    try:
        whole = index(value)
    except TypeError:
        refuse(value, name, "int")
    if not lowest <= whole <= highest:
        raise ValueError(f"{name} is {whole}, not {lowest} to {highest}")
    return whole


def seconds(value: datetime | float, name: str) -> int:
    """A time in seconds since 1970: an aware datetime, or the seconds themselves."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{name} has no time zone: {value!r}")
        return number((value - EPOCH) // timedelta(seconds=1), name, 0, LAST_SECOND)
    if not isinstance(value, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        refuse(value, name, "datetime with a time zone, or seconds since 1970")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{name} is {value}")
    return number(int(value), name, 0, LAST_SECOND)


def time_or_now(value: datetime | float | None, name: str) -> int:
    """A time in seconds since 1970; the clock's if there is none."""
    return int(time.time()) if value is None else seconds(value, name)


def address(value: Address | str, name: str) -> bytes:
    """An address, in network order."""
    if not isinstance(value, (str, IPv4Address, IPv6Address)):  # pyright: ignore[reportUnnecessaryIsInstance]
        refuse(value, name, "str, IPv4Address or IPv6Address")
    # Not what __str__ of a subclass makes up.
    return ip_address(str.__str__(value) if isinstance(value, str) else value).packed


def one_of(words: dict[str, Word], name: str, word: object) -> Word:
    """What a word stands for."""
    if not isinstance(word, str):
        refuse(word, name, "str")
    if word not in words:
        raise SettingsError(f"{name} is {word!r}, none of {', '.join(words)}", "value")
    return words[word]


def items(values: Iterable[Buffer], name: str) -> list[bytes]:
    """Copies of the octets of each of some bytes-like objects, which one itself is not."""
    if isinstance(values, str) or is_buffer(values) or not hasattr(values, "__iter__"):
        refuse(values, name, "iterable of bytes-like objects")
    return [octets(value, f"{name}[{place}]") for place, value in enumerate(values)]


class Views:
    """Octets of many buffers as the library takes them; they stay while this does."""

    __slots__ = ("_kept", "views")

    def __init__(self, buffers: list[bytes]) -> None:
        self._kept = [ffi.from_buffer("uint8_t[]", buffer) for buffer in buffers]
        self.views = ffi.new("mecai_bytes[]", len(buffers))
        for view, kept in zip(self.views, self._kept, strict=True):
            view.data, view.len = kept, len(kept)

    def __len__(self) -> int:
        return len(self._kept)


def refuse(value: object, name: str, wanted: str) -> NoReturn:
    """Raises the TypeError of an argument."""
    raise TypeError(f"{name} must be a {wanted}, not {type(value).__name__}") from None
