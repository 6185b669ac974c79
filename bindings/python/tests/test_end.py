"""What programs do while the interpreter ends, when the globals of modules are gone."""

from __future__ import annotations

from pathlib import Path

import programs
import pytest
from world import World

pytestmark = pytest.mark.every_interpreter

# Whatever a finalizer needs then, it holds: of what is left in modules, much is None.
_LAST = """
import builtins, json, os, socket, ssl, sys, threading
import mecai

class Last:
    def __init__(self, place, port):
        self.needs = place, (ADDRESS, port), HOST.encode(), CAFILE, socket.socket, ssl.SSLContext, os.write
        self.needs += ssl.PROTOCOL_TLS_CLIENT, BaseException

    def __del__(self):
        place, address, host, roots, make_socket, make_context, write, protocol, any_error = self.needs
        with make_socket() as plain:
            plain.connect(address)
            try:
                context = make_context(protocol)
                context.load_verify_locations(roots)
                with context.wrap_socket(plain, server_hostname=host) as connection:
                    connection.sendall(b"secret")
                    write(1, (place + " sent\\n").encode())
            except any_error:
                write(1, (place + " kept\\n").encode())

def leave(port):
    sys.first = Last("sys", port)
    builtins.second = Last("builtins", port)
    ssl.third = Last("ssl", port)
    socket.fourth = Last("socket", port)
    json.fifth = Last("json", port)
    threading.sixth = Last("threading", port)
    sys.modules["mecai._tls._install"].seventh = Last("install", port)
    sys.modules["mecai._tls._install"]._eighth = Last("install, first", port)
    sys.modules["mecai._tls._attach"].ninth = Last("attach", port)
    ssl.SSLContext.tenth = Last("class", port)
    globals()["last"] = Last("main", port)
"""


def test_nothing_gets_past_it(world: World, tmp_path: Path) -> None:
    def lines(how: str) -> set[str]:
        result = programs.python(world.facts(tmp_path / "state"), _LAST + how, tmp_path)
        assert result.returncode == 0, result
        return set(result.stdout.splitlines())

    # The latest have no sockets any more. Of the others, without MECAI all send.
    able = {line.removesuffix(" sent") for line in lines("leave(UNVOUCHED_PORT)") if line.endswith(" sent")}
    assert len(able) >= 3
    kept = lines("mecai.install(**SETTINGS)\nleave(UNVOUCHED_PORT)")
    assert {line for line in kept if line.endswith(" sent")} == set()
    assert able <= {line.removesuffix(" kept") for line in kept}
