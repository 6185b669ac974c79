"""Objects that hold something of the library: copies, processes, threads, the garbage collector, and the end of the
interpreter."""

from __future__ import annotations

import copy
import dataclasses
import gc
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lists
import mecai
import programs
import pytest
import strange_authorities as strange
import vectors
from handshakes import Case, File
from strange_authorities import Strange
from world import HOST, World

pytestmark = pytest.mark.every_interpreter

_FILE = File("verify")
_ACCEPTED = next(case for case in _FILE.cases if case["expect"] and case["expect"]["code"] == "accepted")


def _case(directory: Path) -> Case:
    return Case(_FILE, _ACCEPTED, directory / "state")


def _values(directory: Path) -> list[Any]:
    case = _case(directory)
    verdict = case.verifier.verify(**case.shown())
    bundle = verdict.bundles[0]
    authorities = case.verifier.authorities
    text = vectors.load("report")["cases"][0]["expect"]["text"]
    failure = mecai.Failure("operator-b", bytes(8), "timeout", "it has not answered", verdict.at)
    policy = mecai.Policy(exempt="a.example", local_roots=[bytes(32)])
    return [
        verdict,
        mecai.Alternate(True, "expired", "it expired"),
        bundle,
        bundle.statement,
        bundle.endorsements[0],
        mecai.Report.parse(text),
        authorities.operators[0],
        authorities.operators[0].authorities[0],
        policy,
        failure,
        mecai.Fetched(bundle.statement, bundle, (failure,), 0),
    ]


def test_values_are_equal_to_their_copies(tmp_path: Path) -> None:
    for value in _values(tmp_path):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(value, protocol)) == value
        assert copy.copy(value) == copy.deepcopy(value) == value
        assert hash(copy.deepcopy(value)) == hash(value)
        assert value != object() and repr(value) and str(value)
        with pytest.raises(AttributeError):
            setattr(value, dataclasses.fields(value)[0].name, None)


def test_values_become_json(tmp_path: Path) -> None:
    (tmp_path / "list").mkdir()
    authorities = _case(tmp_path / "list").verifier.authorities
    for value in [authorities, *_values(tmp_path)]:
        told = value.to_dict()
        assert json.loads(json.dumps(told)) == told, value
    told = authorities.to_dict()
    assert told["operators"][0]["authorities"][0]["operator"] == "operator-a"
    assert told["expires"] == "2026-12-20T00:00:00Z"


def test_a_verdict_is_neither_true_nor_false(tmp_path: Path) -> None:
    case = _case(tmp_path)
    verdict = case.verifier.verify(**case.shown())
    with pytest.raises(TypeError, match="ask .accepted, .refused or .outcome"):
        bool(verdict)
    assert str(verdict) == f"{verdict.explanation} (accepted)"
    assert verdict.advice and "\n" not in verdict.advice


def test_errors_are_equal_to_their_copies() -> None:
    for error in (
        mecai.FormatError("so", "malformed"),
        mecai.StoreError("so", "store"),
        mecai.SettingsError("so", "value"),
        mecai.NotVouched("so", "not_vouched"),
        mecai.InternalError("so", "internal"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.code) == (type(error), "so", error.code)


def _holders(directory: Path) -> list[Any]:
    case = _case(directory)
    return [case.verifier, case.verifier.authorities, mecai.Store(directory), mecai.State(directory)]


def test_what_holds_something_is_not_copied(tmp_path: Path) -> None:
    for holder in _holders(tmp_path):
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=f"{type(holder).__name__} cannot be pickled or copied: "):
                attempt(holder)
    with pytest.raises(TypeError, match="AuthorityList.read or AuthorityList.load"):
        mecai.AuthorityList()


def test_cycles_are_collected(tmp_path: Path) -> None:
    class Cycle(mecai.State):
        def __init__(self, directory: Path) -> None:
            super().__init__(directory)
            self.own = self

    gc.collect()
    held = [weakref.ref(Cycle(tmp_path)) for _ in range(10)]
    gc.collect()
    assert [reference() for reference in held] == [None] * 10
    # The library has places for no more than so many at once: what is gone gives back its own.
    for _ in range(100_000):
        mecai.State(tmp_path)


def test_eight_threads_use_one_verifier_and_one_store(tmp_path: Path, world: World) -> None:
    case = _case(tmp_path)
    verifier, shown = case.verifier, case.shown()
    expected = verifier.verify(**shown)
    store = mecai.Store(world.fresh("threads"))
    certificate = world.issue([HOST]).der
    bundle = mecai.Bundle.parse(world.vouch(certificate, world.others()))

    def work(number: int) -> None:
        for _ in range(50):
            assert verifier.verify(**shown) == expected
            verifier.replace_list(verifier.authorities)
            own = bytes([number]) * 32
            assert store.add(certificate, bundle) == 0
            assert store.answer(certificate, name=HOST) is not None
            store.remove(own)
            assert store.certificates() == (bundle.statement.certificate,)

    _in_threads(work)


def _in_threads(work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []
    begin = threading.Barrier(8)

    def run(number: int) -> None:
        begin.wait()
        try:
            work(number)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_forked_child_goes_on_with_what_there_was(tmp_path: Path) -> None:
    case = _case(tmp_path)
    verifier, shown = case.verifier, case.shown()
    expected = verifier.verify(**shown)
    for _ in range(20):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                agrees = verifier.verify(**shown) == expected
                authorities = verifier.authorities
                del case.__dict__["verifier"], verifier
                status = 0 if agrees and len(authorities) == 12 else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0) == (child, 0)
    assert verifier.verify(**shown) == expected


def test_values_go_to_another_process_and_back(tmp_path: Path) -> None:
    values = _values(tmp_path)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        again = pool.map(_as_it_is, values)
    assert again == values


def _as_it_is(value: Any) -> Any:
    return value


_ALIVE = """
import sys, threading
import mecai
from mecai._vouching._bundle import answer_bundles

state = mecai.State(sys.argv[1])
store = mecai.Store(sys.argv[1])
authorities = mecai.AuthorityList.load(SETTINGS["authorities"], SETTINGS["authorities_keys"])
verifier = mecai.Verifier(authorities)
cycle = [verifier]
cycle.append(cycle)
sys.modules["kept"] = cycle
running = threading.Event()

def work():
    while True:
        store.certificates()
        verifier.verify([], HOST, own="refused")
        running.set()

for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
running.wait()
print("ends")
"""


def test_the_interpreter_ends_while_handles_and_threads_live(world: World, tmp_path: Path) -> None:
    for _ in range(5):
        result = programs.python(world.facts(), _ALIVE, tmp_path, str(tmp_path))
        assert programs.output(result) == "ends\n"


_FETCHES = """
import asyncio, signal, sys
import mecai

# Whoever started the tests may have had the signal ignored, as shells do in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
arguments = (HOST, PORT, sys.argv[1], (sys.argv[2], sys.argv[3]))
keywords = {"addresses": [ADDRESS], "timeout": 60}
if sys.argv[4] == "sync":
    print("asks", flush=True)
    mecai.fetch_vouchers(*arguments, **keywords)
else:
    async def main():
        task = asyncio.create_task(mecai.fetch_vouchers_async(*arguments, **keywords))
        print("asks", flush=True)
        if sys.argv[4] == "cancelled":
            await asyncio.to_thread(sys.stdin.readline)
            task.cancel()
        await task
    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        print("cancelled")
"""


@pytest.mark.parametrize("way", ["sync", "async", "cancelled"])
@pytest.mark.parametrize("answer", [strange.silent, strange.deaf])
def test_whoever_asks_may_be_interrupted(way: str, answer: strange.Answer, world: World, tmp_path: Path) -> None:
    """Though no authority ever answers: by a real SIGINT, or cancelled; then the interpreter ends without waiting."""
    with Strange(answer) as server:
        path, keys = lists.elsewhere(world, tmp_path, dict.fromkeys(world.operators, server.url))
        script = programs.write_script(world.facts(), _FETCHES, tmp_path)
        command = [sys.executable, "-W", "error", *script, str(world.chain), str(path), keys, way]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
            server.wait_for(lambda: server.asked == len(world.operators))
            begun = time.monotonic()
            if way == "cancelled":
                output, said = process.communicate("\n", timeout=30)
            else:
                process.send_signal(signal.SIGINT)
                output, said = process.communicate(timeout=30)
            took = time.monotonic() - begun
    assert took < 1.0
    if way == "cancelled":
        assert (process.returncode, output, said) == (0, "asks\ncancelled\n", "")
    else:
        assert process.returncode == -signal.SIGINT and output == "asks\n"
        assert said.rstrip().endswith("KeyboardInterrupt")
