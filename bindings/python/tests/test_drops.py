"""Authorities and proxies that answer in drops, without end: a fetch leaves nothing behind."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import lists
import mecai
import pytest
import strange_authorities as strange
from strange_authorities import Strange
from world import ADDRESS, HOST, World

pytestmark = pytest.mark.every_interpreter


def _drips(connection: socket.socket, begin: bytes, drop: bytes) -> None:
    """Each drop comes in time, and the answer never ends."""
    connection.sendall(begin)
    while not threading.Event().wait(0.05):
        connection.sendall(drop)


def _proxy_that_drips(connection: socket.socket) -> None:
    strange.question(connection)
    _drips(connection, b"HTTP/1.1 200 OK\r\n", b"X")


def _tls_that_drips(connection: socket.socket) -> None:
    connection.recv(4096)
    _drips(connection, b"\x16\x03\x03\x3f\xff", b"\x02")


@pytest.mark.parametrize("way", ["proxy", "tls"])
def test_threads_do_not_outlive_a_fetch(
    way: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    with Strange(_proxy_that_drips if way == "proxy" else _tls_that_drips) as server:
        url = f"https://127.0.0.1:{server.port}/"
        if way == "proxy":
            monkeypatch.setenv("https_proxy", server.url)
            url = "https://authority.example/"
        authorities = lists.elsewhere(world, tmp_path, dict.fromkeys(world.operators, url))
        fetched = mecai.fetch_vouchers(HOST, world.port, world.chain, authorities, addresses=[ADDRESS], timeout=1)
        assert fetched.bundle is None and server.asked > 0
        for thread in [thread for thread in threading.enumerate() if thread.name == "mecai-fetch"]:
            thread.join(20)
            assert not thread.is_alive()
