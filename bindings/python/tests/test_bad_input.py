"""Octets, texts and numbers of every kind that they are not, for every public function that takes some: those of
inputs.py, where a public name that is missing fails."""

from __future__ import annotations

import array
import ctypes
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import mecai
import pytest
from inputs import BUNDLE, JSON, KEYS, SIGNATURES, Input, fetch, takes, verify

pytestmark = pytest.mark.every_interpreter


class _Octets(bytes):
    """Octets that tell something else of themselves."""

    def __len__(self) -> int:
        return 1 << 40

    def __bytes__(self) -> bytes:
        return b""


class _Text(str):
    """A text that does."""

    def encode(self, encoding: str = "", errors: str = "") -> bytes:
        return b"\0"

    def __str__(self) -> str:
        return "\0"


# Values, which are made as they are given; errors; and what is for connections, which has tests of its own.
_TAKES_NONE = {
    "AlreadyAttached",
    "Alternate",
    "Authority",
    "ContextStatus",
    "Endorsement",
    "Error",
    "Failure",
    "Fetched",
    "FormatError",
    "InternalError",
    "NotVouched",
    "Operator",
    "SSLContext",
    "Settings",
    "SettingsError",
    "Statement",
    "Status",
    "StoreError",
    "UnsupportedInterpreter",
    "Verdict",
    "VoucherError",
    "attach",
    "create_default_context",
    "install",
    "refusal",
    "status",
    "uninstall",
    "verdict",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "list.json").write_bytes(JSON)
    (tmp_path / "list.json.minisig").write_bytes(SIGNATURES)
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def inputs(directory: Path) -> list[Input]:
    return [one for several in takes(directory).values() for one in several]


def test_every_public_name_is_looked_at(directory: Path) -> None:
    taken = takes(directory)
    assert taken.keys() | _TAKES_NONE == set(mecai.__all__)
    assert not taken.keys() & _TAKES_NONE
    # And every method of the classes among them that takes something.
    named = {one.name.split(" ")[0] for several in taken.values() for one in several}
    for name in ("AuthorityList", "Bundle", "Report", "Store"):
        kind: type = getattr(mecai, name)
        for method, function in vars(kind).items():
            if method.startswith("_") or isinstance(function, property):
                continue
            plain = getattr(function, "__func__", function)
            if callable(plain) and len(inspect.signature(plain).parameters) > (not isinstance(function, staticmethod)):
                assert f"{name}.{method}" in named


def test_what_is_right_is_taken(inputs: list[Input]) -> None:
    for one in inputs:
        one.call(one.right)


def _octets(inputs: list[Input]) -> Iterator[Input]:
    found = [one for one in inputs if isinstance(one.right, bytes)]
    assert len(found) > 20
    yield from found


def _texts(inputs: list[Input]) -> Iterator[Input]:
    found = [one for one in inputs if isinstance(one.right, str)]
    assert len(found) > 15
    yield from found


def test_octets_come_in_every_kind_of_buffer(inputs: list[Input]) -> None:
    for one in _octets(inputs):
        expected = one.call(one.right)
        spread = bytes(octet for octet in one.right for _ in range(3))
        for buffer in (
            bytearray(one.right),
            memoryview(one.right),
            memoryview(b"-" + one.right + b"-")[1:-1],
            memoryview(spread)[::3],
            memoryview(one.right[::-1])[::-1],
            array.array("B", one.right),
            (ctypes.c_ubyte * len(one.right))(*one.right),
            _Octets(one.right),
        ):
            told = one.call(buffer)
            assert type(told) is type(expected), one
            if not isinstance(told, (mecai.AuthorityList, mecai.Verifier, mecai.Fetched, mecai.Verdict)):
                assert told == expected, one


def test_what_is_no_buffer_is_a_type_error(inputs: list[Input]) -> None:
    for one in _octets(inputs):
        for wrong in one.wrong(None, 5, 1.5, True, [1, 2], (b"x",), {b"x": 1}, object(), [one.right], "text", bytes):
            with pytest.raises(TypeError):
                one.call(wrong)
                pytest.fail(f"{one} takes {wrong!r}")


def test_what_is_no_text_is_a_type_error(inputs: list[Input]) -> None:
    for one in _texts(inputs):
        octets = () if "/" in one.right else (b"bytes",)
        for wrong in one.wrong(None, 5, 1.5, [], ["x"], {}, object(), bytearray(b"x"), str, *octets):
            with pytest.raises(TypeError):
                one.call(wrong)
                pytest.fail(f"{one} takes {wrong!r}")


def test_texts_have_no_nul_and_no_half_characters(inputs: list[Input]) -> None:
    for one in _texts(inputs):
        for wrong in (f"{one.right}\0", "\0", f"\0{one.right}", "\ud800", "\udc80\ud8ff"):
            with pytest.raises((ValueError, mecai.Error, OSError)):
                one.call(wrong)
        # A text whose class says otherwise is what it is.
        if "/" not in one.right:
            one.call(_Text(one.right))


@pytest.mark.parametrize("signatures", [b"\xff\xfe", "\ud800"], ids=["octets", "text"])
def test_signatures_that_are_no_text(signatures: Any) -> None:
    with pytest.raises(mecai.FormatError, match="signatures of the authority list are not UTF-8") as caught:
        mecai.AuthorityList.read(JSON, signatures, KEYS)
    assert caught.value.code == "list_unsigned"


def test_no_octets_at_all_and_far_too_many(inputs: list[Input]) -> None:
    huge = bytes(8 << 20)
    for one in _octets(inputs):
        for octets in (b"", huge):
            if one.name == "AuthorityList.authority":
                assert one.call(octets) is None
                continue
            try:
                told = one.call(octets)
            except (mecai.Error, ValueError):
                continue
            # What the server sent, or served, is judged.
            assert isinstance(told, mecai.Verdict) and not told.accepted or one.name == "verify served", one


def test_buffers_that_lie_raise(inputs: list[Input]) -> None:
    class Short:
        """Has no octets, and says that it has many."""

        def __len__(self) -> int:
            return 1 << 40

        def __getitem__(self, index: object) -> int:
            return 0

        def __bytes__(self) -> bytes:
            return b"made up"

    class Failing:
        """Is a buffer, from Python 3.12 on, and fails."""

        def __buffer__(self, flags: int) -> memoryview:
            raise BlockingIOError("not now")

    gone = memoryview(b"gone")
    gone.release()
    for one in _octets(inputs):
        with pytest.raises(TypeError):
            one.call(Short())
        with pytest.raises(BlockingIOError if sys.version_info >= (3, 12) else TypeError):
            one.call(Failing())
        with pytest.raises(ValueError):
            one.call(gone)


def test_a_thread_that_changes_a_buffer_meanwhile_changes_nothing_that_was_read() -> None:
    right, other = bytearray(BUNDLE.der), bytes(len(BUNDLE.der))
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            right[:] = other
            right[:] = BUNDLE.der

    thread = threading.Thread(target=change)
    interval = sys.getswitchinterval()
    # They take turns often: by default a turn takes five milliseconds.
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        for _ in range(3000):
            try:
                assert mecai.Bundle.parse(right).der == BUNDLE.der
            except mecai.FormatError as error:
                assert error.code == "malformed"
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)


_NUMBERS: list[tuple[Callable[[Any], object], list[Any]]] = [
    (lambda port: verify(port=port), [0, -1, 65_536, 1 << 70]),
    (lambda now: verify(now=now), [-1, 1 << 70, float("nan"), float("inf")]),
    (lambda quorum: mecai.Policy(quorum=quorum), [0, -1, 5, 1 << 70]),
    (lambda candidates: mecai.Policy(candidates=candidates), [0, 1, -1, 32, 1 << 70]),
    (lambda lowest: mecai.AuthorityList.read(JSON, SIGNATURES, KEYS, lowest_sequence=lowest), [-1, 1 << 64]),
    (lambda port: fetch(port=port), [0, -1, 65_536]),
    (lambda timeout: fetch(timeout=timeout), [0, -1, float("nan"), float("inf")]),
]


def test_numbers_are_within_bounds() -> None:
    for call, wrong in _NUMBERS:
        for number in wrong:
            with pytest.raises(ValueError):
                call(number)
        with pytest.raises((TypeError, ValueError)):
            call("443")
    with pytest.raises(ValueError, match="has no time zone"):
        verify(now=datetime(2026, 12, 1))
