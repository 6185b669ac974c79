"""Errors that must not disturb what a program is doing, and must not be lost either."""

from __future__ import annotations


class _Raiser:
    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error


def report(error: Exception) -> None:
    """Has an error told by `sys.unraisablehook`, which only the interpreter itself can call: as that of a finalizer."""
    _Raiser(error)
