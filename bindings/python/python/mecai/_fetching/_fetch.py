"""Asks authorities to vouch for a server's certificate (docs/spec.md, section 9)."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import time
from collections.abc import Iterable, Iterator
from typing import Any

from .._library._call import Address
from .._vouching._certificate import Certificates
from .._vouching._list import Authorities
from . import _workers
from ._http import Reply, Silence
from ._request import Protocol
from ._round import Fetched, Plan, Round, places, resolved

# Seconds.
_NAP = 0.25


def fetch_vouchers(
    host: str,
    port: int,
    certificate: Certificates,
    authorities: Authorities,
    *,
    addresses: Iterable[Address | str] | None = None,
    protocol: Protocol = "tls",
    lifetime: int = 86_400,
    stay: int | None = None,
    timeout: float = 30.0,
    attempts: int = 1,
) -> Fetched:
    """Asks all authorities of a list at once to vouch for a server's certificate, which they visit the server for.

    `host`: a lower-case A-label name, or an address; `port`: where it shows the certificate.
    `certificate`: in PEM or DER, or a file; of a chain the first.
    `authorities`: an `AuthorityList`, or where it is and the keys that must have signed it, `(path, keys)`.
    `addresses`: where the server shows the certificate, 1 to 16; DNS is asked if None.
    `protocol`: how authorities get to TLS.
    `lifetime`: for how many seconds the vouchers are in force, at most a day and never longer than the certificate.
    `stay`: for how many days the site promises to go on showing vouchers, 0 to 30; 0 takes an earlier promise back.
    `timeout`: the seconds after which an authority that has not answered counts as one that failed. Those that answered
    count.
    `attempts`: how many rounds there are at most: after one in which nobody vouched another follows, after a pause.

    An authority that fails is no error: see `Fetched.failures`. Proxies are taken from the environment, as urllib does.
    May be interrupted at any time; then nobody waits for those that still are asked.

    Raises `FormatError` for a certificate, list or host that cannot be used, `OSError` where a file or DNS fails.
    """
    plan = Plan(host, port, certificate, authorities, protocol, lifetime, stay, timeout, attempts)
    where = places(addresses) if addresses is not None else None
    if where is None:
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        _workers.start([plan.resolve], lambda _, answer: answers.put(answer))
        where = resolved(host, _first(answers, time.monotonic() + timeout))
    while True:
        done = _ask(plan.round(where))
        pause = plan.pause(done)
        if pause is None:
            return done
        for nap in _naps(time.monotonic() + pause):
            time.sleep(nap)


async def fetch_vouchers_async(
    host: str,
    port: int,
    certificate: Certificates,
    authorities: Authorities,
    *,
    addresses: Iterable[Address | str] | None = None,
    protocol: Protocol = "tls",
    lifetime: int = 86_400,
    stay: int | None = None,
    timeout: float = 30.0,
    attempts: int = 1,
) -> Fetched:
    """What `fetch_vouchers` does, without blocking the event loop; it may be cancelled at any time."""
    plan = Plan(host, port, certificate, authorities, protocol, lifetime, stay, timeout, attempts)
    where = places(addresses) if addresses is not None else None
    if where is None:
        inbox = _Inbox()
        _workers.start([plan.resolve], inbox.deliver)
        answer = await inbox.next(time.monotonic() + timeout)
        where = resolved(host, None if answer is None else answer[1])
    while True:
        done = await _ask_async(plan.round(where))
        pause = plan.pause(done)
        if pause is None:
            return done
        for nap in _naps(time.monotonic() + pause):
            await asyncio.sleep(nap)


def _ask(asking: Round) -> Fetched:
    replies: queue.SimpleQueue[tuple[int, Reply | Silence]] = queue.SimpleQueue()

    def deliver(index: int, reply: Reply | Silence) -> None:
        replies.put((index, reply))

    try:
        asking.start(deliver)
        while not asking.is_over:
            reply = _first(replies, asking.deadline)
            if reply is None:
                break
            asking.take(*reply)
        return asking.conclude()
    finally:
        asking.stop()


async def _ask_async(asking: Round) -> Fetched:
    inbox = _Inbox()
    try:
        asking.start(inbox.deliver)
        while not asking.is_over:
            reply = await inbox.next(asking.deadline)
            if reply is None:
                break
            asking.take(*reply)
        return asking.conclude()
    finally:
        asking.stop()


class _Inbox:
    """What threads deliver to the event loop that runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()

    def deliver(self, index: int, reply: object) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, (index, reply))
        except RuntimeError:
            # The loop is closed: nobody waits for this any more.
            return

    async def next(self, deadline: float) -> tuple[int, Any] | None:
        """The next one; none by then (time.monotonic)."""
        getting = asyncio.ensure_future(self._queue.get())
        try:
            for nap in _naps(deadline):
                await asyncio.wait({getting}, timeout=nap)
                if getting.done():
                    return getting.result()
            return None
        finally:
            getting.cancel()


def _first(replies: queue.SimpleQueue[Any], deadline: float) -> Any:
    """What comes first; none by then."""
    for nap in _naps(deadline):
        with contextlib.suppress(queue.Empty):
            return replies.get(timeout=nap)
    return None


def _naps(deadline: float) -> Iterator[float]:
    """How long to sleep, again and again: an interpreter that a signal reaches while it falls asleep handles it when it
    wakes. At least once."""
    while True:
        left = deadline - time.monotonic()
        yield max(0.0, min(left, _NAP))
        if left <= 0:
            return
