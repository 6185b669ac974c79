"""Work that may hang: threads that nobody waits for, neither a program that is interrupted nor an interpreter that
ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import TypeVar

Result = TypeVar("Result")

PARALLEL_MAX = 64


def start(tasks: Sequence[Callable[[], Result]], deliver: Callable[[int, Result], object]) -> None:
    """Does all tasks, at most 64 at once, in threads that do not keep the interpreter; `deliver` is called in these,
    with a task's index and what came of it. Tasks do not raise."""
    numbers = count()

    def work() -> None:
        while (number := next(numbers)) < len(tasks):
            deliver(number, tasks[number]())

    for _ in range(min(PARALLEL_MAX, len(tasks))):
        threading.Thread(target=work, name="mecai-fetch", daemon=True).start()
