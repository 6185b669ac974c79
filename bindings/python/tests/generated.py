"""Handshakes that hypothesis makes up: what vouchers could be, and what they should not be, many signed by the keys of
the authorities of the vectors."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import trees
from hypothesis import strategies as st
from vectors import DIRECTORY

sys.path.append(str(DIRECTORY))
world: Any = import_module("cases.world")
_structures: Any = import_module("reference.structures")
_signing: Any = import_module("reference.signing")
_der: Any = import_module("reference.der")
_extension: Any = import_module("reference.extension")

Changes = tuple[tuple[int, int, int], ...]

_HOUR = 3600
# What is right, and what is not, or seldom is.
_HOSTS = (world.HOST,), ("mail.shop.example", "192.0.2.10", "2001:db8::10", "WWW.shop.example", "a..b", "", "x" * 64)
_PORTS = (world.PORT,), (8443, 1, 65535, 0, 65536, -1)
_ADDRESSES = (world.ADDRESSES, ("192.0.2.10",)), (("2001:db8::10",), tuple(f"192.0.2.{n}" for n in range(16)), ())
_PRODUCED = (
    (world.PRODUCED, world.NOW),
    (world.NOW + 300, world.NOW + 301, world.NOW - 86_400, world.NOW - 86_401),
)
_LIVES = (86_400,), (86_401, _HOUR, _HOUR - 1, 0, -1)
_STAYS = (None, 7), (0, 30, 31)
_CERTIFICATES = ("shop",), ("rogue", "renewed", "two-names")
# f, d, h and b are picked for this host by this secret.
_LABELS = ("fdhb", "fd", "bh", "fdh"), ("bcdefghijkl", "f", "a", "ceg", "af", ("f-2", "f-3"), ("rsa", "d"))
_SOURCES = (("ocsp", _HOUR), ("crl", 0)), (("shortLived", None), ("ocsp", None), ("shortLived", 5), ("ocsp", 864_001))
_SPOILS = ("none",), ("bit", "zeros", "high_s", "short", "long")
_NOWS = (0,), (-_HOUR, -_HOUR - 1, -_HOUR - 300, -_HOUR - 301, 82_800, 82_801)
_CHAINS = ("shop",), ("rogue", "cross-signed", "unlisted-root", "two-names")
_REFERENCES = ((world.HOST,),), (("mail.shop.example", world.HOST), (), (".shop.example",), ("192.0.2.10",))
_NAMES = (world.HOST,), (None, "mail.shop.example")
_PEERS = (world.ADDRESSES[0],), (world.ADDRESSES[1], "192.0.2.99", None)
_STATED_PORTS = (world.PORT, None), (8443,)
_LISTS = ("twelve",), ("mixed", "f_has_ten", "f_changed_its_key", "expires_now")
_SECRETS = (world.SECRET.hex(),), (None,)
_QUORUMS = ((2, 4), (1, 4)), ((1, 1), (4, 4), (3, 8), (31, 31))
_REGIONS = (None,), ("EU",)
_MODES = ("require",), ("observe", "opportunistic")
_RULES = ("note", "ignore"), ("require",)

_OCTETS = 160


class Choices:
    """Makes choices by octets; zeros choose what is right."""

    def __init__(self, octets: bytes) -> None:
        self._octets = iter(octets)

    def number(self) -> int:
        """0 to 255; 0 when there are no octets left."""
        return next(self._octets, 0)

    def of(self, values: tuple[Sequence[Any], Sequence[Any]], seldom: int = 12) -> Any:
        """Something that is right; but in `seldom` of 256 cases not."""
        right, wrong = values
        if self.is_seldom(seldom):
            return wrong[self.number() % len(wrong)]
        return right[self.number() % len(right)]

    def is_seldom(self, seldom: int) -> bool:
        """True in so many of 256 cases."""
        return self.number() >= 256 - seldom

    def changes(self, seldom: int) -> Changes:
        """One change, or two; mostly none."""
        count = 1 + self.number() % 2 if self.is_seldom(seldom) else 0
        return tuple((self.number(), self.number(), self.number()) for _ in range(count))


def handshakes() -> st.SearchStrategy[dict[str, Any]]:
    """Cases as verify.json has them, of those whose chain is trusted and whose list can be read."""
    return st.binary(min_size=_OCTETS, max_size=_OCTETS).map(lambda octets: _handshake(Choices(octets)))


def _handshake(choices: Choices) -> dict[str, Any]:
    served = [_chosen_bundle(choices) for _ in range(1 + choices.number() % 3)]
    if len(served) > 1 and choices.is_seldom(16):
        served = _exchange(served)
    answer: bytes | None = _extension.encode_vouchers(served)
    if answer is not None and choices.is_seldom(10):
        answer = _spoil_answer(answer, choices.number() % 4, choices.number() << 8 | choices.number())
    if choices.is_seldom(4):
        answer = None
    quorum, candidates = choices.of(_QUORUMS)
    return {
        "now": world.NOW + choices.of(_NOWS),
        "chain": choices.of(_CHAINS),
        "reference_identities": list(choices.of(_REFERENCES)),
        "sni": choices.of(_NAMES),
        "peer": choices.of(_PEERS),
        "port": choices.of(_STATED_PORTS),
        "list": choices.of(_LISTS, seldom=32),
        "secret": choices.of(_SECRETS),
        "machine_id": world.MACHINE,
        "answer": None if answer is None else answer.hex(),
        "policy": {
            "mode": choices.of(_MODES, seldom=32),
            "candidates": candidates,
            "quorum": quorum,
            "region": choices.of(_REGIONS),
            "addresses": choices.of(_RULES, seldom=32),
        },
    }


def _chosen_bundle(choices: Choices) -> bytes:
    """A bundle; what is signed may have been changed before, and the whole afterwards."""
    fields = (_HOSTS, _PORTS, _ADDRESSES, _PRODUCED, _LIVES, _STAYS, _CERTIFICATES)
    about = tuple(choices.of(values) for values in fields)
    labels = tuple(choices.of(_LABELS, seldom=48))
    source, spoil, seen = choices.of(_SOURCES), choices.of(_SPOILS), not choices.is_seldom(24)
    statement_changes, body_changes = choices.changes(16), choices.changes(16)
    octets = _bundle(about, labels, source, spoil, seen, statement_changes, body_changes)
    return trees.change(octets, choices.changes(64))


@functools.lru_cache(maxsize=4096)
def _bundle(
    about: tuple[Any, ...],
    labels: tuple[str, ...],
    source: tuple[str, int | None],
    spoil: str,
    seen: bool,
    statement_changes: Changes,
    body_changes: Changes,
) -> bytes:
    statement = trees.change(_statement(*about), statement_changes)
    bits = [seen or index > 0 for index in range(len(about[2]))]
    endorsements = sorted(_endorsement(statement, label, bits, source, spoil, body_changes) for label in labels)
    octets: bytes = _der.tlv(_der.SEQUENCE, statement, _der.tlv(_der.SEQUENCE, *(one for _, one in endorsements)))
    return octets


def _statement(
    host: str, port: int, addresses: tuple[str, ...], produced: int, life: int, stay: int | None, chain: str
) -> bytes:
    octets: bytes = world.statement(chain, host, port, addresses, produced, life, stay)
    return octets


def _endorsement(
    statement: bytes, label: str, bits: list[bool], source: tuple[str, int | None], spoil: str, changes: Changes
) -> tuple[bytes, bytes]:
    """An authority's id, for the order, and its endorsement."""
    id, spki = _named(label)
    value = _structures.body_value(id, bits or [True], *source)
    body = trees.change(_structures.encode("EndorsementBody", value), changes)
    key = world.authority_key(label)
    if label.startswith("rsa"):
        signature = bytes(64)
    else:
        signature = _signing.sign(key, _signing.signed_octets(spki, statement, body))
    return id, _der.tlv(_der.SEQUENCE, body, _der.tlv(_der.OCTET_STRING, _spoiled(signature, label, spoil)))


@functools.cache
def _named(label: str) -> tuple[bytes, bytes]:
    """An authority's id and its key."""
    return world.authority_id(label), world.spki_of(world.authority_key(label))


def _spoiled(signature: bytes, label: str, spoil: str) -> bytes:
    if spoil == "bit":
        return bytes([signature[0] ^ 1]) + signature[1:]
    if spoil == "high_s" and label not in "behk" and not label.startswith("rsa"):
        return _high_s(signature)
    return {"zeros": bytes(len(signature)), "short": signature[:-1], "long": signature + b"\0"}.get(spoil, signature)


def _high_s(signature: bytes) -> bytes:
    name = "P-384" if len(signature) == 96 else "P-256"
    try:
        octets: bytes = _signing.high_s(name, signature)
    except OverflowError:  # It is one of Ed25519.
        return signature
    return octets


def _exchange(served: list[bytes]) -> list[bytes]:
    """The endorsements of the first two bundles change places."""
    try:
        first, second = trees.read(served[0]), trees.read(served[1])
        first.inner[1], second.inner[1] = second.inner[1], first.inner[1]
    except (IndexError, ValueError):
        return served
    return [first.octets(), second.octets(), *served[2:]]


def _spoil_answer(answer: bytes, kind: int, where: int) -> bytes:
    place = where % len(answer)
    if kind == 0:
        return answer[:place]
    if kind == 1:
        return answer + b"\0"
    if kind == 2:
        return answer[:place] + bytes([answer[place] ^ (1 << where % 8)]) + answer[place + 1 :]
    return bytes(16_385)
