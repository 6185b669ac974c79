"""Handshakes leave nothing behind in memory."""

from __future__ import annotations

import os
from pathlib import Path

import programs
import pytest
from world import World

# How many handshakes there are, and how many of these come before the first look: caches fill up.
COUNT, BEFORE = (10_000, 1_000) if os.environ.get("MECAI_LONG") else (600, 200)

SCRIPT = """
import gc, socket, ssl, sys
import mecai

count, before = map(int, sys.argv[1:])
context = mecai.create_default_context(cafile=CAFILE, **SETTINGS)

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def by_socket(port):
    with socket.create_connection((ADDRESS, port)) as plain:
        with context.wrap_socket(plain, server_hostname=HOST) as connection:
            return mecai.verdict(connection)

def by_object(port):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    with socket.create_connection((ADDRESS, port)) as plain:
        while True:
            try:
                connection.do_handshake()
                plain.sendall(outgoing.read())
                return mecai.verdict(connection)
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))

accepted = refused = 0
for number in range(count):
    if number == before:
        at_first = resident()
    try:
        accepted += (by_socket, by_object)[number % 2]((PORT, UNVOUCHED_PORT)[number % 3 == 0]).accepted
    except mecai.VoucherError as refusal:
        assert refusal.verdict.code == "no_voucher"
        refused += 1
print(accepted, refused, resident() - at_first)
"""


@pytest.mark.every_interpreter
def test_handshakes_leave_nothing(world: World, tmp_path: Path) -> None:
    result = programs.python(
        world.facts(tmp_path / "state"), SCRIPT, tmp_path, str(COUNT), str(BEFORE), timeout=1200
    )
    accepted, refused, grown = map(int, programs.output(result).split())
    assert (accepted, refused) == (COUNT - (COUNT + 2) // 3, (COUNT + 2) // 3)
    assert grown < 1 << 20, f"{grown} octets more after {COUNT - BEFORE} handshakes"
