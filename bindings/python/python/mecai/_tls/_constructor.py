"""The constructors of `ssl.SSLContext`, with more to do. They are several where `ssl` was loaded again."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from types import CodeType
from typing import Any, Generic, TypeVar

from . import _stdlib

Settings = TypeVar("Settings")


class Constructor(Generic[Settings]):
    """`__new__` of one class, with ours over it: what it makes is handed to `attend`, together with `settings`."""

    def __init__(self, kind: type[ssl.SSLContext], attend: Callable[[ssl.SSLContext, Settings], None]) -> None:
        self._kind = kind
        self._known = vars(kind).get("__new__")
        self._settings: list[Settings] = []
        original, settings, apart = kind.__new__, self._settings, _stdlib.Apart

        # What it needs are its own variables: when the interpreter ends, those of modules are None before the last
        # context is made.
        @functools.wraps(original)
        def new(cls: type[ssl.SSLContext], *arguments: Any, **named: Any) -> ssl.SSLContext:
            context = original(cls, *arguments, **named)
            if not issubclass(cls, apart):
                for wanted in settings:
                    attend(context, wanted)
            return context

        self._ours = staticmethod(new)
        setattr(kind, "__new__", self._ours)

    def set(self, settings: Settings | None) -> None:
        """With what contexts are handed over from now on; None: they are not."""
        # One step, as another thread may be making a context.
        self._settings[:] = [] if settings is None else [settings]

    def restore(self) -> bool:
        """Takes ours away. False where somebody has put a function of his own over it: that stays, and ours does
        nothing."""
        if vars(self._kind).get("__new__") is not self._ours:
            return False
        if self._known is None:
            delattr(self._kind, "__new__")
        else:
            setattr(self._kind, "__new__", self._known)
        return True

    @property
    def code(self) -> CodeType | None:
        """That of the function that was replaced, if it is one of Python."""
        return getattr(getattr(self._known, "__func__", None), "__code__", None)
