"""The refusal inside what an HTTP client makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._errors import VoucherError


def refusal(error: BaseException) -> VoucherError | None:
    """The VoucherError that an exception is, was caused by or has in it; None if there is none.

    Looks into `__cause__`, `__context__`, the arguments, `reason` (urllib and urllib3) and the members of exception
    groups, nearest first.
    """
    if not isinstance(error, BaseException):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"error must be an exception, not {type(error).__name__}")
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    # In breadth: what is nearest is what the program means.
    while waiting:
        following: list[BaseException] = []
        for here in waiting:
            if isinstance(here, VoucherError):
                return here
            if id(here) not in seen:
                seen.add(id(here))
                following.extend(_inside(here))
        waiting = following
    return None


def _inside(error: Any) -> Iterable[BaseException]:
    candidates: list[Any] = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    members = getattr(error, "exceptions", None)
    if isinstance(members, (tuple, list)):
        candidates.extend(members)  # pyright: ignore[reportUnknownArgumentType]
    return [candidate for candidate in candidates if isinstance(candidate, BaseException)]
