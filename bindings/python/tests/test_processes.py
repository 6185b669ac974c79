"""Fork, spawn, the interpreter's end with connections alive, garbage, and threads."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import ssl
import sys
import threading
import traceback
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import mecai
import programs
import pytest
from mecai._tls import _attach, _install
from peers import Peer, connected, in_memory, refused, server_context, shake_hands, vouching_context
from world import World

pytestmark = pytest.mark.every_interpreter


def in_child(work: Callable[[], None]) -> int:
    """Runs it in a forked child; its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork(world: World, tmp_path: Path) -> None:
    """What was attached before, contexts and a live connection, works in a child, and can be added to there."""
    settings = world.settings(tmp_path / "state")
    before = mecai.create_default_context(cafile=str(world.roots), **settings)
    mecai.install(**settings)
    try:
        with Peer(vouching_context(world)) as vouched, Peer(server_context(world.chain, world.key)) as unvouched:
            with connected(before, vouched.address) as alive:

                def work() -> None:
                    assert mecai.verdict(alive).accepted
                    installed = ssl.create_default_context(cafile=str(world.roots))
                    fresh = mecai.create_default_context(cafile=str(world.roots), **settings, quorum=3)
                    for context in (before, installed, fresh):
                        with connected(context, vouched.address) as connection:
                            assert mecai.verdict(connection).accepted
                        assert refused(context, unvouched.address).code == "no_voucher"
                    mecai.uninstall()
                    assert mecai.status(ssl.create_default_context()).state == "not_attached"

                assert in_child(work) == 0
                assert mecai.verdict(alive).accepted
        assert mecai.status().installed
    finally:
        mecai.uninstall()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_another_thread_attaches(world: World) -> None:
    """The locks that it holds at that moment are waited for by nobody in the child."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with _install._lock, _attach._lock:
            held.set()
            done.wait()

    def work() -> None:
        mecai.install(**world.settings())
        assert mecai.status(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).state == "attached"

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait()
    try:
        assert in_child(work) == 0
    finally:
        done.set()
        holding.join()


def visit(pipe: Connection, settings: dict[str, Any], roots: str, address: tuple[str, int]) -> None:
    context = mecai.create_default_context(cafile=roots, **settings)
    try:
        with connected(context, address) as connection:
            pipe.send(mecai.verdict(connection))
    except mecai.VoucherError as error:
        pipe.send(error)


def test_spawn(world: World, tmp_path: Path) -> None:
    """Verdicts and errors come back from other processes as they are."""
    spawn = multiprocessing.get_context("spawn")
    settings = world.settings(tmp_path / "state")
    with Peer(vouching_context(world)) as vouched, Peer(server_context(world.chain, world.key)) as unvouched:
        for address, expected in ((vouched.address, "accepted"), (unvouched.address, "no_voucher")):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=visit, args=(theirs, settings, str(world.roots), address))
            process.start()
            assert ours.poll(60)
            found = ours.recv()
            process.join(60)
            assert process.exitcode == 0
            assert found.code == expected, found
            ours.close()
            theirs.close()


_STARTS = """
import json, multiprocessing, socket, ssl, sys
import mecai

facts = json.load(open(sys.argv[1]))

def install():
    mecai.install(**facts["SETTINGS"])

def visit(port):
    context = ssl.create_default_context(cafile=facts["CAFILE"])
    with socket.create_connection((facts["ADDRESS"], facts[port])) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=facts["HOST"]) as connection:
                return mecai.verdict(connection).code
        except mecai.VoucherError as error:
            return error.code

if sys.argv[3] == "module":
    install()

if __name__ == "__main__":
    if sys.argv[3] == "guard":
        install()
    initializer = install if sys.argv[3] == "initializer" else None
    with multiprocessing.get_context(sys.argv[2]).Pool(1, initializer) as pool:
        print(*pool.map(visit, ["PORT", "UNVOUCHED_PORT"]))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("place", ["module", "initializer", "guard"])
def test_where_install_stands_for_children(method: str, place: str, world: World, tmp_path: Path) -> None:
    """As the guide says: a child that is a new interpreter runs what stands outside the guard."""
    (tmp_path / "facts.json").write_text(json.dumps(world.facts(tmp_path / "state")))
    (tmp_path / "program.py").write_text(_STARTS)
    result = programs.run([sys.executable, str(tmp_path / "program.py"), str(tmp_path / "facts.json"), method, place])
    is_protected = place != "guard" or method == "fork"
    assert programs.output(result) == ("accepted no_voucher\n" if is_protected else "not_judged not_judged\n")


def test_the_interpreter_ends_with_threads_in_tls(world: World, tmp_path: Path) -> None:
    script = """
import socket, ssl, sys, threading
import mecai
mecai.install(**SETTINGS, on_mismatch=print)
context = ssl.create_default_context(cafile=CAFILE)
started = threading.Barrier(9)

def visit():
    first = True
    while True:
        with socket.create_connection((ADDRESS, PORT)) as plain:
            with context.wrap_socket(plain, server_hostname=HOST) as connection:
                assert mecai.verdict(connection).accepted
                if first:
                    started.wait()
                    first = False

for _ in range(8):
    threading.Thread(target=visit, daemon=True).start()
started.wait()
alive = context.wrap_socket(socket.create_connection((ADDRESS, PORT)), server_hostname=HOST)
sys.modules["kept"] = alive
print("ended", flush=True)
"""
    for _ in range(3):
        result = programs.python(world.facts(tmp_path / "state"), script, tmp_path)
        assert result.stdout == "ended\n" and result.returncode == 0, result


def test_contexts_are_freed(world: World) -> None:
    context = mecai.SSLContext(**world.settings(), on_mismatch=print)
    gone = weakref.ref(context)
    context.cycle = context  # type: ignore[attr-defined]
    before = mecai.status().attached
    del context
    gc.collect()
    # Contexts of other tests may be going, too.
    assert gone() is None and mecai.status().attached < before


def test_classes_of_programs_are_freed(world: World) -> None:
    """Some programs, truststore among them, make a class for each context."""

    def attach() -> list[weakref.ref[type]]:
        class Own(ssl.SSLObject):
            pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.sslobject_class = Own
        mecai.attach(context, **world.settings())
        assert context.sslobject_class is not Own
        return [weakref.ref(Own), weakref.ref(context.sslobject_class)]

    references = [reference for _ in range(10) for reference in attach()]
    gc.collect()
    assert [reference() for reference in references if reference() is not None] == []


def test_a_listener_may_hold_its_context(world: World) -> None:
    class Watch:
        def __call__(self, report: mecai.Report) -> None: ...

    watch: Any = Watch()
    watch.context = mecai.SSLContext(**world.settings(), on_mismatch=watch)
    gone = weakref.ref(watch)
    del watch
    gc.collect()
    assert gone() is None


def test_verdicts_in_many_threads(world: World, tmp_path: Path) -> None:
    context = mecai.create_default_context(cafile=str(world.roots), **world.settings(tmp_path / "state"))
    vouched, unvouched = vouching_context(world), server_context(world.chain, world.key)

    def work(number: int) -> str:
        client, server = in_memory(context, unvouched if number % 2 else vouched)
        try:
            shake_hands(client, server)
        except mecai.VoucherError as error:
            return error.verdict.code
        return mecai.verdict(client).code

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(400)))
    assert found == ["accepted", "no_voucher"] * 200
