"""`on_mismatch`: reports of mismatches, as they happen."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mecai
import pytest
from peers import Peer, connected, in_memory, refused, server_context, shake_hands, vouching_context
from world import HOST, World

ELSEWHERE = "127.0.0.1"


@pytest.fixture
def elsewhere(world: World) -> Iterator[Peer]:
    """The site at an address that no authority saw it at."""
    with Peer(vouching_context(world), ELSEWHERE) as peer:
        yield peer


def client(world: World, tmp_path: Path, **settings: Any) -> mecai.SSLContext:
    return mecai.create_default_context(cafile=str(world.roots), **world.settings(tmp_path / "state"), **settings)


@pytest.mark.every_interpreter
def test_what_was_let_through(world: World, elsewhere: Peer, tmp_path: Path) -> None:
    seen: list[tuple[mecai.Report, int]] = []

    def note(report: mecai.Report) -> None:
        seen.append((report, threading.get_ident()))

    context = client(world, tmp_path, on_mismatch=note)
    with connected(context, elsewhere.address) as connection:
        verdict = mecai.verdict(connection)
        assert verdict.accepted and "address_not_seen" in verdict.notes
        [(report, thread)] = seen
        connection.sendall(b"x")
    assert len(seen) == 1, "a mismatch is told once"
    assert report == verdict.report and thread == threading.get_ident()
    assert (report.code, report.host) == ("address_not_seen", HOST)
    assert report.chain and report.to_dict()["host"] == HOST


@pytest.mark.every_interpreter
def test_what_was_refused(world: World, elsewhere: Peer, tmp_path: Path) -> None:
    seen: list[mecai.Report] = []
    context = client(world, tmp_path, on_mismatch=seen.append, addresses="require")
    error = refused(context, elsewhere.address)
    assert error.code == "address_not_seen"
    assert seen == [error.verdict.report] and seen[0].code == "address_not_seen"


@pytest.mark.parametrize(("method", "argument"), [("recv", 1), ("read", 1), ("send", b"x"), ("write", b"x")])
def test_when_the_first_octets_shake_hands(
    method: str, argument: Any, world: World, elsewhere: Peer, tmp_path: Path
) -> None:
    seen: list[mecai.Report] = []
    context = client(world, tmp_path, on_mismatch=seen.append)
    with socket.create_connection(elsewhere.address, timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False) as connection:
            assert seen == []
            getattr(connection, method)(argument)
            assert len(seen) == 1
            getattr(connection, method)(argument)
    assert len(seen) == 1


def test_nothing_to_tell(world: World, tmp_path: Path) -> None:
    seen: list[mecai.Report] = []
    context = client(world, tmp_path, on_mismatch=seen.append)
    with Peer(vouching_context(world)) as vouched, connected(context, vouched.address) as connection:
        assert mecai.verdict(connection).accepted
    with Peer(server_context(world.chain, world.key)) as unvouched:
        assert refused(context, unvouched.address).code == "no_voucher"
    shake_hands(*in_memory(context, vouching_context(world)))
    assert seen == []


def test_its_errors_change_nothing(
    world: World, elsewhere: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    def fail(report: mecai.Report) -> None:
        raise RuntimeError(f"no place for {report.code}")

    with connected(client(world, tmp_path, on_mismatch=fail), elsewhere.address) as connection:
        assert mecai.verdict(connection).accepted
    error = refused(client(world, tmp_path, on_mismatch=fail, addresses="require"), elsewhere.address)
    assert error.code == "address_not_seen" and error.__context__ is error.__cause__
    assert [(hint.exc_type, str(hint.exc_value)) for hint in told] == [
        (RuntimeError, "no place for address_not_seen")
    ] * 2
    assert any(frame.name == "fail" for frame in _frames(told[0].exc_traceback))


def _frames(trace: Any) -> Any:
    import traceback

    return traceback.extract_tb(trace)


def test_by_install_and_by_attach(world: World, elsewhere: Peer, tmp_path: Path) -> None:
    seen: list[mecai.Report] = []
    attached = ssl.create_default_context(cafile=str(world.roots))
    mecai.attach(attached, **world.settings(tmp_path / "state"), on_mismatch=seen.append)
    with connected(attached, elsewhere.address):
        assert len(seen) == 1
    mecai.install(**world.settings(tmp_path / "state"), on_mismatch=seen.append)
    try:
        installed = ssl.create_default_context(cafile=str(world.roots))
    finally:
        mecai.uninstall()
    with connected(installed, elsewhere.address):
        assert len(seen) == 2


def test_reports_are_kept_besides(world: World, elsewhere: Peer, tmp_path: Path) -> None:
    """The spool is of the key `state`; the callback asks for nothing of it."""
    seen: list[mecai.Report] = []
    with connected(client(world, tmp_path, on_mismatch=seen.append), elsewhere.address):
        pass
    [kept] = (tmp_path / "state" / "reports").iterdir()
    assert kept.name == seen[0].file_name and kept.read_text() == seen[0].json
    without = mecai.create_default_context(cafile=str(world.roots), **world.settings(), on_mismatch=seen.append)
    with connected(without, elsewhere.address):
        assert len(seen) == 2
