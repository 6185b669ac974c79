"""`mecai.status`: of the process, and of one context."""

from __future__ import annotations

import json
import pickle
import ssl
from pathlib import Path

import mecai
import programs
import pytest
from peers import Peer, connected, refused, server_context, vouching_context
from world import World

pytestmark = pytest.mark.every_interpreter


def test_of_a_process_from_first_to_last(world: World, tmp_path: Path) -> None:
    script = """
import gc, ssl, sys, socket
import mecai

def show(word):
    status = mecai.status()
    assert (status.working, status.unsupported, status.other_copy) == (word, None, None), status
    assert status.openssl == ssl.OPENSSL_VERSION and ssl.OPENSSL_VERSION in str(status)
    return status.installed, status.attached, status.left_to_others

assert show("not_installed") == (False, 0, 0)
assert str(mecai.status()).startswith("MECAI is not installed in this process as a whole; 0 contexts have it. Python")
context = mecai.create_default_context(cafile=CAFILE, **SETTINGS)
assert show("installed") == (False, 1, 0)
assert "1 context has it" in str(mecai.status())
mecai.install(**SETTINGS)
other = ssl.create_default_context()
assert show("installed") == (True, 2, 0)
assert str(mecai.status()).startswith("MECAI is installed in this process; 2 contexts have it.")
assert dict(mecai.status().settings) == SETTINGS
with socket.create_connection((ADDRESS, PORT)) as plain:
    with context.wrap_socket(plain, server_hostname=HOST) as connection:
        assert mecai.verdict(connection).accepted
assert show("working") == (True, 2, 0)
del connection, other
gc.collect()
assert show("working") == (True, 1, 0)
mecai.uninstall()
assert show("working") == (False, 1, 0)
print(mecai.status())
"""
    result = programs.python(world.facts(tmp_path / "state"), script, tmp_path)
    assert "has judged a handshake" in programs.output(result)


def test_of_a_context(world: World, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(world.roots))
    status = mecai.status(context)
    assert (status.state, status.settings) == ("not_attached", None)
    mecai.attach(context, **world.settings(tmp_path / "state"), quorum=3)
    status = mecai.status(context)
    assert status.state == "attached" and status.settings is not None
    assert dict(status.settings) == {**world.settings(tmp_path / "state"), "quorum": "3"}
    with Peer(vouching_context(world)) as server, connected(context, server.address):
        pass
    assert mecai.status(context).state == "working"
    assert str(mecai.status(context)) == mecai.status(context).explanation


def test_of_one_that_only_refuses(world: World, tmp_path: Path) -> None:
    context = mecai.create_default_context(cafile=str(world.roots), **world.settings(tmp_path / "state"))
    with Peer(server_context(world.chain, world.key)) as unvouched:
        refused(context, unvouched.address)
    assert mecai.status(context).state == "working"


def test_of_a_server(world: World) -> None:
    assert mecai.status(vouching_context(world)).state == "attached"


def test_they_are_values(world: World) -> None:
    context = mecai.SSLContext(**world.settings())
    for status in (mecai.status(), mecai.status(context)):
        assert pickle.loads(pickle.dumps(status)) == status and hash(status) == hash(pickle.loads(pickle.dumps(status)))
        assert json.loads(json.dumps(status.to_dict()))["explanation"] == status.explanation
        assert status.explanation in repr(status)
        with pytest.raises(AttributeError):
            status.explanation = ""  # type: ignore[misc]
    assert mecai.status(context).to_dict()["settings"] == world.settings()
