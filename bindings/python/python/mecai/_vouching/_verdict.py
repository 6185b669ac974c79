"""What came of a handshake (docs/spec.md, sections 8 and 13)."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Literal, NoReturn

from mecai._native import lib

from .._errors import FormatError
from .._library import _call
from .._library._call import Address
from .._library._value import Value
from ._bundle import Bundle
from ._names import is_meant
from ._report import Report

Outcome = Literal["accepted", "exempt", "unvouched", "refused", "not_judged"]


@dataclass(frozen=True, slots=True, repr=False)
class Alternate(Value):
    """What came of the server's second certificate, where it was looked at (docs/spec.md, section 8, "Failover")."""

    used: bool
    """Whether it is what was accepted."""
    code: str
    """Why the server's own certificate failed, if the alternate is used; else why the alternate failed."""
    explanation: str


@dataclass(frozen=True, slots=True, repr=False)
class Verdict(Value):
    """What came of one handshake. Ask `accepted`, `refused` or `outcome`: a verdict itself is neither true nor false.

    It never tells which operators were picked.
    """

    outcome: Outcome
    """"accepted": enough operators have vouched. "exempt": by configuration it was not judged. "unvouched": the rules
    were missed, and the mode lets it through. "refused". "not_judged": there was no handshake to judge."""
    code: str
    """A word that never changes: "accepted", "no_voucher", …"""
    number: int
    """The code's number."""
    explanation: str
    """One sentence with the values compared."""
    name: str | None
    """The name that the pick was drawn for and that the host is remembered by; None if no server was named."""
    at: datetime | None
    """When it was judged; None if that is not known, as of a resumed session."""
    resumed: bool
    """Whether the session of an earlier handshake was resumed: then only outcome, code and `until` are known."""
    vouched: int | None
    """How many operators were counted, if it was accepted; `required`: how many had to be; `sent`: how many
    endorsements the server sent."""
    required: int | None
    sent: int | None
    newest: datetime | None
    """When the newest counted statement was made."""
    until: datetime | None
    """Until when a session of this handshake may be resumed."""
    stay: int | None
    """The days for which the host promised to go on showing vouchers."""
    chain: tuple[str, ...] | None
    """The ids of the operators that own a part of the certificate's chain, sorted; None if that is not known."""
    peer: Address | None
    port: int | None
    addresses: tuple[Address, ...]
    """Where the certificate was seen, by statements that are for it and for the name; sorted, IPv4 first."""
    notes: tuple[str, ...]
    """What decided nothing and is worth knowing: "peer_unknown", "port_not_compared", "address_not_seen",
    "region_widened", "no_secret"."""
    alarm: bool
    """Whether somebody holds vouchers that do not belong here: the evidence is worth a report."""
    alternate: Alternate | None
    """What came of the server's second certificate; None if that was not looked at."""
    bundles: tuple[Bundle, ...]
    """The bundles that the server sent and that can be read."""
    unreadable: tuple[bytes, ...]
    """Those that cannot."""
    report: Report | None
    """The mismatch report that is due."""

    @property
    def accepted(self) -> bool:
        """Whether enough operators have vouched. An exempt handshake, and one that the mode lets through, is not
        accepted."""
        return self.outcome == "accepted"

    @property
    def refused(self) -> bool:
        """Whether the handshake must end."""
        return self.outcome == "refused"

    @property
    def age(self) -> timedelta | None:
        """How old the newest counted statement was."""
        return None if self.newest is None or self.at is None else self.at - self.newest

    @property
    def advice(self) -> str:
        """What a person can do."""
        return _call.string(lib.mecai_code_advice(self.number))

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is neither true nor false: ask .accepted, .refused or .outcome")

    def __str__(self) -> str:
        return f"{self.explanation} ({self.code})"

    def __repr__(self) -> str:
        return f"<Verdict {self.outcome} ({self.code}) on {self.name}: {self.explanation}>"

    @classmethod
    def _from_json(cls, text: str | bytes, certificate: bytes | None = None) -> Verdict:
        """The verdict of mecai_openssl_verdict_json. `certificate`: the SHA-256 of the one that was judged, for
        `addresses`; without it, those of any certificate with vouchers for this name count."""
        told = json.loads(text)
        bundles, unreadable = read_bundles(base64.b64decode(bundle) for bundle in told["bundles"] or ())
        failover = told["failover"]
        return cls(
            outcome=told["outcome"],
            code=told["code"],
            number=told["number"],
            explanation=told["sentence"],
            name=told["name"],
            at=_time(told["at"]),
            resumed=told["resumed"],
            vouched=told["operators"],
            required=told["required"],
            sent=told["sent"],
            newest=_time(told["newest"]),
            until=_time(told["until"]),
            stay=told["stay_days"],
            chain=None if told["chain"] is None else tuple(told["chain"]),
            peer=None if told["peer"] is None else ip_address(told["peer"]),
            port=told["port"],
            addresses=seen_at(bundles, [told["name"]] if told["name"] else [], certificate),
            notes=tuple(told["notes"]),
            alarm=told["alarm"],
            alternate=failover and Alternate(failover["used"], failover["code"], failover["sentence"]),
            bundles=bundles,
            unreadable=unreadable,
            report=None if told["report"] is None else Report.parse(_canonical(told["report"])),
        )


def read_bundles(octets: Iterable[bytes]) -> tuple[tuple[Bundle, ...], tuple[bytes, ...]]:
    """Bundles as they were served: those that can be read, and those that cannot."""
    bundles: list[Bundle] = []
    unreadable: list[bytes] = []
    for der in octets:
        try:
            bundles.append(Bundle.parse(der))
        except FormatError:
            unreadable.append(der)
    return tuple(bundles), tuple(unreadable)


def seen_at(bundles: Iterable[Bundle], names: Collection[str], certificate: bytes | None) -> tuple[Address, ...]:
    """The addresses of statements for one of these names and this certificate; for any where that is None."""
    seen: set[Address] = set()
    for bundle in bundles:
        about = bundle.statement
        if is_meant(about.host, names) and certificate in (None, about.certificate):
            seen.update(about.addresses)
    return tuple(sorted(seen, key=lambda address: (address.version, int(address))))


def _canonical(report: Any) -> str:
    # Strings, small whole numbers and null: here this is what RFC 8785 wants.
    return json.dumps(report, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else _call.moment(seconds)
