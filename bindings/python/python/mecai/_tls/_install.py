"""MECAI in every context that a program makes."""

from __future__ import annotations

import functools
import gc
import os
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from .._errors import AlreadyAttached, Error
from . import _attach, _settings, _stdlib
from ._settings import Settings, Wanted

if TYPE_CHECKING:
    from typing_extensions import Unpack

_lock = threading.RLock()

# In seconds; it takes much less than one thousandth.
_LONGEST_CONSTRUCTOR = 10.0

# What new contexts are attached with.
_installed: Wanted | None = None

# `ssl.SSLContext.__new__` as it was, and what stands in its place; none where nothing does.
_replaced: tuple[Any, Any] | None = None


def install(*, existing: bool = True, **settings: Unpack[Settings]) -> None:
    """Attaches MECAI to every `ssl.SSLContext` that is made from now on, whoever makes it: urllib, requests, aiohttp.

    This is for applications, which decide for their whole process, and never for libraries: those take an
    `mecai.SSLContext` of their own. Call it first thing, before there are threads. Then `existing` matters little:
    contexts that are there already (aiohttp makes some when it is imported) are found and attached as well, unless it
    is False; but for those that the program has hidden by `gc.freeze`. Contexts that have MECAI already, by `attach` or
    by openssl.cnf, stay as they are; `status` counts them.

    Contexts for which the settings have nothing to say (of servers, without `vouchers`) are left alone. If MECAI
    cannot be attached to a context, it cannot be made: its constructor raises what `attach` raises.

    A second call with equal settings does nothing; with others it raises AlreadyAttached: call `uninstall` first.
    Raises what `attach` raises, and Error with the code "busy" where another thread is in the middle of making a
    context and does not finish. Then nothing is installed.
    """
    global _installed
    wanted = _settings.read(settings, "install")
    with _lock:
        if _installed is not None:
            if _installed == wanted:
                return
            raise AlreadyAttached("MECAI is installed with other settings: call mecai.uninstall() first", "installed")
        _try_out(wanted)
        _installed = wanted
        try:
            _replace()
            if existing:
                _wait_for_constructors()
                _attend_to_existing(wanted)
        except BaseException:
            uninstall()
            raise


def uninstall() -> None:
    """Ends what `install` began, for contexts that are made from now on; those that are attached stay so."""
    global _installed
    with _lock:
        _installed = None
        _restore()


def installed() -> Wanted | None:
    """The settings of `install`."""
    return _installed


def _try_out(wanted: Wanted) -> None:
    protocol = ssl.PROTOCOL_TLS_CLIENT if wanted.judges else ssl.PROTOCOL_TLS_SERVER
    _attend(_stdlib.Apart(protocol), wanted)


def _replace() -> None:
    global _replaced
    if _replaced is not None:
        return
    known = vars(_stdlib.SSLContext).get("__new__")
    original = _stdlib.SSLContext.__new__

    @functools.wraps(original)
    def new(cls: type[ssl.SSLContext], *arguments: Any, **named: Any) -> ssl.SSLContext:
        context = original(cls, *arguments, **named)
        wanted = _installed
        if wanted is not None and not issubclass(cls, _stdlib.Apart):
            _attend(context, wanted)
        return context

    ours = staticmethod(new)
    setattr(_stdlib.SSLContext, "__new__", ours)
    _replaced = (known, ours)


def _wait_for_constructors() -> None:
    """Returns when no other thread is inside the constructor that was replaced: its context could not be found yet."""
    code = getattr(None if _replaced is None else getattr(_replaced[0], "__func__", None), "__code__", None)
    deadline = time.monotonic() + _LONGEST_CONSTRUCTOR
    while code is not None and any(code in _codes_of(frame) for frame in _frames_of_others()):
        if time.monotonic() > deadline:
            raise Error("another thread is making an ssl.SSLContext and does not finish: call install earlier", "busy")
        # Gives the other thread its turn.
        time.sleep(0)


def _frames_of_others() -> list[FrameType]:
    own = threading.get_ident()
    return [frame for thread, frame in sys._current_frames().items() if thread != own]


def _codes_of(frame: FrameType | None) -> Iterator[CodeType]:
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def _restore() -> None:
    global _replaced
    # Where somebody has put a function of his own over ours, that stays, and ours does nothing.
    if _replaced is None or vars(_stdlib.SSLContext).get("__new__") is not _replaced[1]:
        return
    known, _ = _replaced
    if known is None:
        delattr(_stdlib.SSLContext, "__new__")
    else:
        setattr(_stdlib.SSLContext, "__new__", known)
    _replaced = None


def _attend_to_existing(wanted: Wanted) -> None:
    # The type is asked, and no property: any object of the program may be among these.
    for context in [found for found in gc.get_objects() if _stdlib.is_context(found)]:
        if not isinstance(context, _stdlib.Apart):
            _attend(context, wanted)


def _attend(context: ssl.SSLContext, wanted: Wanted) -> None:
    if not _attach.is_useful(context, wanted):
        return
    try:
        _attach.attach_wanted(context, wanted)
    except AlreadyAttached:
        _attach.leave_to_others(context)


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)
