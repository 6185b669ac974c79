"""`mecai.verdict` of whatever a program holds of a connection, and what it says where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import unittest.mock
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import mecai
import pytest
from peers import Peer, connected, in_memory, server_context, shake_hands, vouching_context
from world import ADDRESS, HOST, OWNER, World

pytestmark = pytest.mark.every_interpreter


@pytest.fixture
def client(world: World, tmp_path: Path) -> mecai.SSLContext:
    return mecai.create_default_context(cafile=str(world.roots), **world.settings(tmp_path / "state"))


@pytest.fixture
def vouched(world: World) -> Iterator[Peer]:
    with Peer(vouching_context(world)) as peer:
        yield peer


def test_of_a_socket(client: mecai.SSLContext, vouched: Peer, world: World) -> None:
    with connected(client, vouched.address) as connection:
        verdict = mecai.verdict(connection)
        assert (verdict.outcome, verdict.code) == ("accepted", "accepted")
        assert verdict.accepted and not verdict.refused
        assert (verdict.name, verdict.required, verdict.sent, verdict.chain) == (HOST, 2, 11, (OWNER,))
        assert verdict.vouched is not None and verdict.vouched >= 2
        assert str(verdict.peer) == ADDRESS and verdict.port is None and verdict.notes == ("port_not_compared",)
        assert [str(address) for address in verdict.addresses] == [ADDRESS]
        [bundle] = verdict.bundles
        assert bundle.statement.host == HOST and len(bundle.endorsements) == 11
        assert verdict.age is not None and timedelta(0) <= verdict.age < timedelta(days=1)
        assert not verdict.resumed and not verdict.alarm and verdict.alternate is None and verdict.report is None
        # It may be asked again, and stays what it was.
        assert mecai.verdict(connection) == verdict
        with pytest.raises(TypeError):
            bool(verdict)
    with pytest.raises(ValueError, match="closed"):
        mecai.verdict(connection)
    assert world.operators


def test_of_an_object(client: mecai.SSLContext, world: World) -> None:
    client_side, server_side = in_memory(client, vouching_context(world))
    assert mecai.verdict(client_side).explanation == "not judged: the handshake is not over, or has failed"
    shake_hands(client_side, server_side)
    verdict = mecai.verdict(client_side)
    assert verdict.accepted and verdict.peer is None and "peer_unknown" in verdict.notes
    assert "server's side" in mecai.verdict(server_side).explanation


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_before_the_server_has_proved_that_it_has_the_key(
    version: ssl.TLSVersion, client: mecai.SSLContext, world: World
) -> None:
    """Who shows the vouchers and the certificate of somebody else gets no verdict, though both are good."""
    client.minimum_version = client.maximum_version = version
    server = vouching_context(world)
    to_client, to_server, from_server = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=HOST)
    theirs = server.wrap_bio(to_server, from_server, server_side=True)

    def outcome() -> str:
        with contextlib.suppress(ssl.SSLWantReadError):
            ours.do_handshake()
        return mecai.verdict(ours).outcome

    assert outcome() == "not_judged"
    with contextlib.suppress(ssl.SSLWantReadError):
        theirs.do_handshake()
    records = list(_records(from_server.read()))
    assert len(records) >= 4
    # In TLS 1.2 the proof is in the ServerKeyExchange, in 1.3 all is encrypted, and the last one is the end.
    proof = len(records) - 1 if version == ssl.TLSVersion.TLSv1_3 else [record[5] for record in records].index(12)
    for record in records[:proof]:
        to_client.write(record)
        assert outcome() == "not_judged"
    to_client.write(records[proof][:-1] + bytes([records[proof][-1] ^ 1]))
    with pytest.raises(ssl.SSLError) as caught:
        outcome()
    assert not isinstance(caught.value, mecai.VoucherError) and ours.version() is None
    told = mecai.verdict(ours)
    assert (told.outcome, told.code) == ("not_judged", "not_judged")
    assert told.explanation == "not judged: the handshake is not over, or has failed"


def _records(flight: bytes) -> Iterator[bytes]:
    while flight:
        size = 5 + int.from_bytes(flight[3:5], "big")
        yield flight[:size]
        flight = flight[size:]


def test_of_asyncio(client: mecai.SSLContext, vouched: Peer) -> None:
    async def visit() -> list[mecai.Verdict]:
        reader, writer = await asyncio.open_connection(*vouched.address, ssl=client, server_hostname=HOST)
        await reader.read(5)
        found = [mecai.verdict(thing) for thing in (writer, writer.transport, writer.get_extra_info("ssl_object"))]
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return found

    found = asyncio.run(visit())
    assert found[0].accepted and found[0] == found[1] == found[2]


def test_of_asyncio_without_tls(vouched: Peer) -> None:
    async def visit() -> None:
        _, writer = await asyncio.open_connection(*vouched.address)
        with pytest.raises(ValueError, match="this StreamWriter has no TLS"):
            mecai.verdict(writer)
        writer.close()
        await writer.wait_closed()

    asyncio.run(visit())


def test_of_http_client(client: mecai.SSLContext, world: World) -> None:
    connection = http.client.HTTPSConnection(HOST, world.port, context=client, timeout=30)
    with pytest.raises(ValueError, match="this HTTPSConnection does not hold its connection"):
        mecai.verdict(connection)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        assert mecai.verdict(connection).accepted
        response = connection.getresponse()
        assert mecai.verdict(response) == mecai.verdict(connection)
        response.read()
        with pytest.raises(ValueError, match="this HTTPResponse does not hold its connection any more.*stream=True"):
            mecai.verdict(response)
        assert mecai.verdict(connection).accepted


def test_of_urllib(client: mecai.SSLContext, world: World) -> None:
    with urllib.request.urlopen(world.url, context=client, timeout=30) as response:
        assert mecai.verdict(response).accepted
    with pytest.raises(ValueError, match="does not hold its connection"):
        mecai.verdict(response)


def test_of_anything_with_get_extra_info(client: mecai.SSLContext, vouched: Peer) -> None:
    with connected(client, vouched.address) as connection:

        class Stream:
            def get_extra_info(self, name: str) -> Any:
                return {"ssl_object": connection}.get(name)

        class Response:
            extensions = {"network_stream": Stream()}

        assert mecai.verdict(Stream()).accepted and mecai.verdict(Response()).accepted


@pytest.mark.parametrize(
    "other",
    [None, 0, "https://www.shop.example/", b"", object(), [], ssl.SSLSocket, unittest.mock.Mock(), socket.socket],
    ids=repr,
)
def test_what_is_no_connection(other: Any) -> None:
    with pytest.raises(TypeError, match="connection must be an SSLSocket"):
        mecai.verdict(other)


def test_a_plain_socket_and_what_leads_nowhere() -> None:
    class Loop:
        @property
        def raw(self) -> Loop:
            return self

    with socket.socket() as plain, pytest.raises(TypeError, match="not socket"):
        mecai.verdict(plain)
    with pytest.raises(TypeError, match="not Loop"):
        mecai.verdict(Loop())


# --- Not judged ------------------------------------------------------------------------------------------------------


def test_not_attached(world: World, vouched: Peer) -> None:
    plain = ssl.create_default_context(cafile=str(world.roots))
    with connected(plain, vouched.address) as connection:
        verdict = mecai.verdict(connection)
        assert (verdict.outcome, verdict.code, verdict.number) == ("not_judged", "not_judged", 0)
        assert verdict.explanation == "not judged: MECAI is not attached to the context of this connection"
        assert not verdict.accepted and not verdict.refused
        # Attached later: what is there already was not judged.
        mecai.attach(plain, **world.settings())
        assert "older than what attached MECAI" in mecai.verdict(connection).explanation
    with connected(plain, vouched.address) as connection:
        assert mecai.verdict(connection).accepted


def test_not_yet_shaken_hands(client: mecai.SSLContext, vouched: Peer) -> None:
    with socket.create_connection(vouched.address) as plain:
        with client.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False) as connection:
            assert mecai.verdict(connection).explanation == "not judged: the handshake is not over, or has failed"
            connection.do_handshake()
            assert mecai.verdict(connection).accepted
    with client.wrap_socket(socket.socket(), server_hostname=HOST) as connection:
        with pytest.raises(ValueError, match="not connected"):
            mecai.verdict(connection)


def test_the_server_side(client: mecai.SSLContext, world: World) -> None:
    for server in (server_context(world.chain, world.key), vouching_context(world)):
        client_side, server_side = in_memory(client, server)
        with contextlib.suppress(mecai.VoucherError):
            shake_hands(client_side, server_side)
        verdict = mecai.verdict(server_side)
        assert verdict.outcome == "not_judged" and "server's side" in verdict.explanation


def test_mode_off(world: World, vouched: Peer) -> None:
    context = mecai.create_default_context(cafile=str(world.roots), **world.settings(), mode="off")
    with connected(context, vouched.address) as connection:
        assert mecai.verdict(connection).outcome == "not_judged"


def test_an_object_is_not_taken_for_one_that_is_gone(client: mecai.SSLContext, world: World) -> None:
    """Connections are known by the place of an object, which others come to when it is gone."""
    server, plain = vouching_context(world), ssl.create_default_context(cafile=str(world.roots))
    for _ in range(50):
        client_side, server_side = in_memory(client, server)
        shake_hands(client_side, server_side)
        assert mecai.verdict(client_side).accepted
        del client_side
        others = [in_memory(plain, server) for _ in range(5)]
        for other, other_server in others:
            shake_hands(other, other_server)
            assert mecai.verdict(other).outcome == "not_judged"
