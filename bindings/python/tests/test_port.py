"""`SSLContext.port`: the port that a program means, compared with that of the vouchers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import mecai
import pytest
from peers import Peer, connected, in_memory, refused, shake_hands, vouching_context
from world import HOST, World

pytestmark = pytest.mark.every_interpreter


def client(world: World, tmp_path: Path) -> mecai.SSLContext:
    return mecai.create_default_context(cafile=str(world.roots), **world.settings(tmp_path / "state"))


def test_compared_where_it_is_stated(world: World, tmp_path: Path) -> None:
    context = client(world, tmp_path)
    assert context.port is None
    with Peer(vouching_context(world)) as server:
        with connected(context, server.address) as connection:
            verdict = mecai.verdict(connection)
            assert verdict.accepted and verdict.port is None and "port_not_compared" in verdict.notes
        context.port = world.port
        with connected(context, server.address) as connection:
            verdict = mecai.verdict(connection)
            assert verdict.accepted and verdict.port == world.port and verdict.notes == ()
        context.port = server.port
        error = refused(context, server.address)
        assert (error.code, error.verdict.port) == ("wrong_port", server.port)
        context.port = None
        with connected(context, server.address) as connection:
            assert mecai.verdict(connection).accepted


def test_in_memory_and_with_asyncio(world: World, tmp_path: Path) -> None:
    context = client(world, tmp_path)
    for port, code in ((world.port, "accepted"), (443, "wrong_port")):
        context.port = port
        client_side, server_side = in_memory(context, vouching_context(world))
        if code == "accepted":
            shake_hands(client_side, server_side)
            assert mecai.verdict(client_side).port == port
        else:
            with pytest.raises(mecai.VoucherError) as caught:
                shake_hands(client_side, server_side)
            assert caught.value.code == code

    async def visit() -> mecai.Verdict:
        _, writer = await asyncio.open_connection(HOST, world.port, ssl=context)
        verdict = mecai.verdict(writer)
        writer.close()
        await writer.wait_closed()
        return verdict

    context.port = world.port
    verdict = asyncio.run(visit())
    assert verdict.accepted and verdict.port == world.port


def test_a_session_for_another_port_is_not_resumed(world: World, tmp_path: Path) -> None:
    context = client(world, tmp_path)
    context.port = world.port
    with Peer(vouching_context(world)) as server:
        with connected(context, server.address) as connection:
            session = connection.session
        with connected(context, server.address, session=session) as connection:
            assert connection.session_reused and mecai.verdict(connection).resumed
        context.port = 443
        with pytest.raises(mecai.VoucherError) as caught, connected(context, server.address, session=session):
            pass
        assert caught.value.code == "wrong_port"


def test_servers_state_none(world: World, tmp_path: Path) -> None:
    server = vouching_context(world)
    server.port = 1
    with Peer(server) as peer, connected(client(world, tmp_path), peer.address) as connection:
        assert mecai.verdict(connection).accepted


@pytest.mark.parametrize("wrong", ["443", 443.0, b"443", object(), [443]])
def test_wrong_types(wrong: Any, world: World) -> None:
    context = mecai.SSLContext(**world.settings())
    with pytest.raises(TypeError):
        context.port = wrong
    assert context.port is None


@pytest.mark.parametrize("wrong", [0, -1, 65536, 10**30])
def test_wrong_numbers(wrong: int, world: World) -> None:
    context = mecai.SSLContext(**world.settings())
    with pytest.raises(ValueError, match=f"port is {wrong}, not 1 to 65535"):
        context.port = wrong
    assert context.port is None
