"""MECAI in every context that a program makes."""

from __future__ import annotations

import gc
import os
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from .._errors import AlreadyAttached, Error
from . import _attach, _settings, _stdlib
from ._constructor import Constructor
from ._settings import Settings, Wanted

if TYPE_CHECKING:
    from typing_extensions import Unpack

_lock = threading.RLock()

# In seconds; it takes much less than one thousandth.
_LONGEST_CONSTRUCTOR = 10.0

# What new contexts are attached with.
_installed: Wanted | None = None

# The constructors that have ours in their place, by class.
_constructors: dict[type[ssl.SSLContext], Constructor[Wanted]] = {}


def install(*, existing: bool = True, **settings: Unpack[Settings]) -> None:
    """Attaches MECAI to every `ssl.SSLContext` that is made from now on, whoever makes it: urllib, requests, aiohttp.

    This is for applications, which decide for their whole process, and never for libraries: those take an
    `mecai.SSLContext` of their own. Call it first thing, before there are threads. Then `existing` matters little:
    contexts that are there already (aiohttp makes some when it is imported) are found and attached as well, unless it
    is False; but for those that the program has hidden by `gc.freeze`. Contexts that have MECAI already, by `attach` or
    by openssl.cnf, stay as they are; `status` counts them.

    Contexts for which the settings have nothing to say (of servers, without `vouchers`) are left alone. If MECAI
    cannot be attached to a context, it cannot be made: its constructor raises what `attach` raises.

    A second call with equal settings does nothing, but where somebody has taken MECAI out again by putting back an
    older `SSLContext.__new__`, or has loaded `ssl` again: then it is put in anew. With other settings it raises
    AlreadyAttached: call `uninstall` first. Raises what `attach` raises; Error with the code "busy" where another
    thread is in the middle of making a context and does not finish; Error with the code "replaced" where contexts are
    made past MECAI all the same. Then nothing is installed.
    """
    global _installed
    wanted = _settings.read(settings, "install")
    with _lock:
        if _installed is not None:
            if _installed != wanted:
                raise AlreadyAttached(
                    "MECAI is installed with other settings: call mecai.uninstall() first", "installed"
                )
            if is_in_force():
                return
        _try_out(wanted)
        _installed = wanted
        try:
            _replace(wanted)
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


def is_in_force() -> bool:
    """Whether contexts that are made now get what is installed: some are made to see it.

    Raises what making one raises: where MECAI cannot be attached, it cannot be made.
    """
    wanted = _installed
    return wanted is not None and all(_is_attended(kind, wanted) for kind in _stdlib.classes())


def _try_out(wanted: Wanted) -> None:
    _attend(_stdlib.Apart(_protocol(wanted)), wanted)


def _protocol(wanted: Wanted) -> int:
    return ssl.PROTOCOL_TLS_CLIENT if wanted.judges else ssl.PROTOCOL_TLS_SERVER


def _replace(wanted: Wanted) -> None:
    for kind in _stdlib.classes():
        known = _constructors.get(kind)
        if known is not None:
            known.set(wanted)
            if _is_attended(kind, wanted):
                continue
            # Somebody has put back what was there before ours. It may still be called by what others have kept.
            known.set(None)
        _constructors[kind] = Constructor(kind, _attend)
        _constructors[kind].set(wanted)
        if not _is_attended(kind, wanted):
            raise Error("new contexts are made past MECAI: ssl.SSLContext is not that of Python any more", "replaced")


def _is_attended(kind: type[ssl.SSLContext], wanted: Wanted) -> bool:
    return _attach.is_known(kind(_protocol(wanted)))


def _wait_for_constructors() -> None:
    """Returns when no other thread is inside the constructor that was replaced: its context could not be found yet."""
    codes = {constructor.code for constructor in _constructors.values()} - {None}
    deadline = time.monotonic() + _LONGEST_CONSTRUCTOR
    while codes and any(not codes.isdisjoint(_codes_of(frame)) for frame in _frames_of_others()):
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
    for kind, constructor in list(_constructors.items()):
        constructor.set(None)
        if constructor.restore():
            del _constructors[kind]


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
