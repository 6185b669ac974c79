"""Three readers agree on every handshake that hypothesis makes up: Python, the core alone (oracle/, without the C ABI),
and the independent reader of the vectors.

MECAI_AGREEMENT says how many there are, 1,000 by default; they are the same ones each time.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import Any

import generated
import mecai
import programs
import pytest
import vectors
from hypothesis import HealthCheck, Phase, given, settings
from mecai._vouching._bundle import answer_bundles

COUNT = int(os.environ.get("MECAI_AGREEMENT", "1000"))
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_judge: Any = import_module("reference.judge")
_lists: Any = import_module("reference.authority_list")
_structures: Any = import_module("reference.structures")
_extension: Any = import_module("reference.extension")
_codes: Any = import_module("reference.codes")


class Oracle:
    """The core alone, in a process of its own."""

    def __init__(self, tables: dict[str, Any]) -> None:
        program = os.environ.get("MECAI_ORACLE", str(programs.ROOT / "target/debug/mecai-oracle"))
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([program], stdin=pipe, stdout=pipe, text=True)
        self.ask({"lists": tables["lists"], "chains": tables["chains"]})

    def ask(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def end(self) -> None:
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    return vectors.load("verify", "codes", "lists", "chains")


@pytest.fixture(scope="module")
def oracle(tables: dict[str, Any]) -> Iterator[Oracle]:
    oracle = Oracle(tables)
    yield oracle
    oracle.end()


def test_python_the_core_and_the_reference_agree(
    tables: dict[str, Any], oracle: Oracle, capsys: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[str] = Counter()
    python = Python(tables)
    reference = Reference(tables)

    @settings(
        max_examples=COUNT,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(generated.handshakes())
    def agree(case: dict[str, Any]) -> None:
        oracle.ask(case)
        ours = python.judge(case)
        assert ours == oracle.told()
        # How long a session is good is not part of the agreement: one may stop counting where enough have vouched.
        theirs = reference.judge(case)
        assert {**ours, "good_until": None} == {**theirs, "good_until": None}
        counts["handshakes"] += 1
        read: list[str] = ours["bundles"] or []
        counts["bundles"] += len(read)
        counts["read"] += read.count("ok")
        counts[ours["outcome"]] += 1
        counts[f"code {ours['code']}"] += 1

    agree()
    with capsys.disabled():
        codes = sum(key.startswith("code ") for key in counts)
        print(
            f"\n{counts['handshakes']} handshakes, {counts['bundles']} bundles of which {counts['read']} can be read, "
            f"{counts['accepted']} accepted, {codes} codes"
        )
    assert counts["handshakes"] >= COUNT
    assert counts["read"] >= 0.3 * counts["bundles"]
    assert counts["accepted"] >= 0.01 * counts["handshakes"]
    assert codes >= 15, sorted(counts)


class Python:
    """What this package says."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self._tables = tables
        self._chains = {
            name: [bytes.fromhex(der) for der in chain] for name, chain in tables["chains"].items()
        }
        self._verifier = functools.cache(self._new_verifier)

    def judge(self, case: dict[str, Any]) -> dict[str, Any]:
        policy = case["policy"]
        verifier = self._verifier(case["list"], case["secret"], case["machine_id"], tuple(policy.items()))
        answer = None if case["answer"] is None else bytes.fromhex(case["answer"])
        verdict = verifier.verify(
            self._chains[case["chain"]],
            case["reference_identities"],
            sni=case["sni"],
            peer=case["peer"],
            port=case["port"],
            vouchers=answer,
            now=case["now"],
        )
        return {
            "bundles": None if answer is None else _read_answer(answer),
            "outcome": verdict.outcome,
            "code": verdict.code,
            "alarm": verdict.alarm,
            "notes": sorted(verdict.notes),
            "good_until": None if verdict.until is None else (verdict.until - EPOCH) // timedelta(seconds=1),
        }

    def _new_verifier(
        self, list: str, secret: str | None, machine_id: str, policy: tuple[tuple[str, Any], ...]
    ) -> mecai.Verifier:
        table = self._tables["lists"][list]
        keys = f"{table['required']} of {', '.join(table['public_keys'])}"
        authorities = mecai.AuthorityList.read(str.encode(table["file"]), table["signatures"], keys)
        octets = None if secret is None else bytes.fromhex(secret)
        return mecai.Verifier(authorities, mecai.Policy(**dict(policy)), secret=octets, machine_id=machine_id)


def _read_answer(answer: bytes) -> list[str] | None:
    try:
        return [_read(der) for der in answer_bundles(answer)]
    except mecai.FormatError as error:
        assert error.code == "answer"
        return None


def _read(der: bytes) -> str:
    try:
        bundle = mecai.Bundle.parse(der)
    except mecai.FormatError as error:
        return error.code
    assert bundle.der == der
    return "ok"


class Reference:
    """What the independent reader says."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self._tables = tables
        self._chains = {
            name: [bytes.fromhex(der) for der in chain] for name, chain in tables["chains"].items()
        }

    def judge(self, case: dict[str, Any]) -> dict[str, Any]:
        more: dict[str, Any] = {"chain_trusted": True, "dane": False, "lowest_sequence": 0, "remembered": {}}
        policy: dict[str, Any] = {**case["policy"], "exempt": [], "local_roots": []}
        verdict = _judge.judge({**case, **more, "policy": policy}, self._tables["lists"], self._chains)
        return {
            "bundles": None if case["answer"] is None else self._read_answer(bytes.fromhex(case["answer"])),
            "outcome": verdict.outcome,
            "code": verdict.code,
            "alarm": verdict.alarm,
            "notes": sorted(verdict.notes),
            "good_until": verdict.good_until,
        }

    def _read_answer(self, answer: bytes) -> list[str] | None:
        try:
            return [self._read(der) for der in _extension.decode_vouchers(answer)]
        except _codes.Refused:
            return None

    def _read(self, der: bytes) -> str:
        try:
            _structures.decode_bundle(der)
        except _codes.Refused as refused:
            code: str = refused.code
            return code
        return "ok"


@pytest.fixture(autouse=True)
def lists_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference reads its list anew for every handshake, which would take most of the time."""
    load = _lists.load
    read: dict[tuple[Any, ...], Any] = {}

    def once(file: bytes, signatures: str, keys: list[str], *more: int) -> Any:
        key = (file, signatures, *keys, *more)
        if key not in read:
            read[key] = load(file, signatures, keys, *more)
        return read[key]

    monkeypatch.setattr(_lists, "load", once)
