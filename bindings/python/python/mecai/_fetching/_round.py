"""What to ask authorities for, and one round of it under way. Only the questions' threads wait for the network."""

from __future__ import annotations

import math
import random
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from ipaddress import IPv6Address, ip_address
from typing import Any

from mecai._native import ffi, lib

from .._errors import NotVouched
from .._library import _call
from .._library._call import Address
from .._library._value import Value
from .._vouching import _certificate, _validity
from .._vouching._bundle import Bundle, Statement
from .._vouching._certificate import Certificates
from .._vouching._list import Authorities, AuthorityList, list_of
from . import _http, _workers
from ._http import Reply, Silence
from ._request import PROTOCOLS, Failure, Protocol, Request

_ADDRESSES_MAX = 16
_PAUSE_FIRST, _PAUSE_LONGEST = 1, 60


@dataclass(frozen=True, slots=True, repr=False)
class Fetched(Value):
    """What came of asking authorities."""

    statement: Statement
    """What they were asked to vouch for."""
    bundle: Bundle | None
    """The statement with every endorsement that came and is good; None if none is."""
    failures: tuple[Failure, ...]
    """Why the others have not vouched. The certificate's own operator never does."""
    left_out: int
    """How many good endorsements do not fit a server's answer, and are not in the bundle."""

    def require(self) -> Bundle:
        """The bundle. Raises `NotVouched`, with what each authority says, if nobody has vouched."""
        if self.bundle is not None:
            return self.bundle
        reasons = "; ".join(f"{failure.operator}: {failure.explanation} ({failure.code})" for failure in self.failures)
        about = self.statement
        raise NotVouched(f"no authority vouches for {about.host}:{about.port}: {reasons}", "not_vouched")


class Plan:
    """The arguments, looked at."""

    def __init__(
        self,
        host: str,
        port: int,
        certificate: Certificates,
        authorities: Authorities,
        protocol: Protocol,
        lifetime: int,
        stay: int | None,
        timeout: float,
        attempts: int,
    ) -> None:
        _call.text(host, "host")
        is_number = isinstance(timeout, (int, float))  # pyright: ignore[reportUnnecessaryIsInstance]
        if not is_number or not 0 < timeout < math.inf:
            raise ValueError(f"timeout is {timeout!r}, not a number of seconds above 0")
        self._host, self._port = host, _call.number(port, "port", 1, 65_535)
        self._lifetime = timedelta(seconds=_call.number(lifetime, "lifetime", 0, 86_400))
        self._stay = None if stay is None else _call.number(stay, "stay", 0, 30)
        self._protocol, self._timeout = _call.one_of(PROTOCOLS, "protocol", protocol), timeout
        self._attempts = _call.number(attempts, "attempts", 1, 1_000)
        der = _certificate.certificates(certificate, "certificate")[0]
        self._certificate, self._ends = _certificate.digest(der), _validity.not_after(der)
        self._authorities = list_of(authorities)
        self._backoff = _call.new("mecai_backoff", lib.mecai_backoff_new, _PAUSE_FIRST, _PAUSE_LONGEST)

    def resolve(self) -> Any:
        """What DNS says, or how it fails."""
        try:
            return socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return error

    def round(self, addresses: tuple[Address, ...]) -> Round:
        """A new round of questions."""
        produced_at = datetime.now(timezone.utc).replace(microsecond=0)
        not_after = min(produced_at + self._lifetime, self._ends)
        if not_after < produced_at:
            raise ValueError(f"the certificate ended at {self._ends:%Y-%m-%dT%H:%M:%SZ}")
        statement = Statement(
            self._host, self._port, addresses, self._certificate, produced_at, not_after, self._stay
        )
        return Round(self._authorities, statement, self._protocol, self._timeout)

    def pause(self, done: Fetched) -> float | None:
        """How long to wait before another round; none if that was the last."""
        self._attempts -= 1
        if done.bundle is not None or self._attempts == 0:
            return None
        now = int(time.time())
        wanted = [failure.retry_at for failure in done.failures if failure.retry_at is not None]
        retry_at = int(min(wanted).timestamp()) if len(wanted) == len(done.failures) else 0
        _call.call(lib.mecai_backoff_failed, self._backoff, retry_at, now, random.getrandbits(32))
        at = ffi.new("uint64_t *")
        _call.call(lib.mecai_backoff_next_attempt, self._backoff, at, ffi.NULL)
        return max(0.0, float(at[0]) - time.time())


class Round:
    """One round, under way."""

    def __init__(self, authorities: AuthorityList, statement: Statement, protocol: int, timeout: float) -> None:
        self.deadline = time.monotonic() + timeout
        self._statement = statement
        self._request = Request(authorities, statement, protocol, int(time.time() + timeout) + 1)
        self._line = _http.Line()
        self._waiting = set(range(len(self._request.questions)))

    def start(self, deliver: Callable[[int, Reply | Silence], object]) -> None:
        """Puts all questions."""
        ask = partial(_http.ask, deadline=self.deadline, line=self._line)
        _workers.start([partial(ask, question) for question in self._request.questions], deliver)

    @property
    def is_over(self) -> bool:
        """Whether everybody has replied."""
        return not self._waiting

    def take(self, index: int, reply: Reply | Silence) -> None:
        """A reply has come."""
        self._waiting.remove(index)
        self._request.take(index, reply, int(time.time()))

    def stop(self) -> None:
        """Waits for nobody any more."""
        self._line.cut()

    def conclude(self) -> Fetched:
        """What came of it: who has not replied has not vouched."""
        for index in sorted(self._waiting):
            self.take(index, Silence(""))
        bundle, left_out = self._request.bundle()
        return Fetched(self._statement, bundle, self._request.failures(), left_out)


def resolved(host: str, answer: Any) -> tuple[Address, ...]:
    """The addresses that DNS says, by what `Plan.resolve` gave; None if that has not come in time."""
    if answer is None:
        raise TimeoutError(f"DNS has not answered for {host} in time")
    if isinstance(answer, BaseException):
        raise answer
    return places(socket_address[0].partition("%")[0] for *_, socket_address in answer)


def places(addresses: Iterable[Address | str]) -> tuple[Address, ...]:
    """Addresses as a statement has them: each once, IPv4 before IPv6, ascending; IPv4-mapped ones as IPv4."""
    if isinstance(addresses, str):
        raise TypeError("addresses must be an iterable of addresses, not str")
    found = {_plain(ip_address(_call.address(address, "addresses"))) for address in addresses}
    if not 1 <= len(found) <= _ADDRESSES_MAX:
        raise ValueError(f"there are {len(found)} addresses, not 1 to {_ADDRESSES_MAX}: say which by addresses=")
    return tuple(sorted(found, key=lambda address: (address.version, address.packed)))


def _plain(address: Address) -> Address:
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
