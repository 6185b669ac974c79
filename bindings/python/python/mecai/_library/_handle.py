"""Objects that hold a handle of the library. It is freed once, when the last reference to the object is gone, also
where objects refer to each other and where the interpreter ends; a child process has copies of its own."""

from __future__ import annotations

from typing import Any, NoReturn


class Held:
    """The base of such objects."""

    __slots__ = ("__weakref__", "_handle")

    _handle: Any
    _INSTEAD: str
    """What to do where one wanted to pickle the object."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be pickled or copied: {self._INSTEAD}")


def handle_of(held: Held) -> Any:
    """The handle, for calls during which the object is referred to."""
    return held._handle
