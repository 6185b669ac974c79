"""VoucherError: where it is raised, and all that it has."""

from __future__ import annotations

import asyncio
import pickle
import socket
import ssl
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mecai
import pytest
from peers import (
    GREETING,
    Peer,
    connected,
    context_warnings,
    in_memory,
    refused,
    server_context,
    shake_hands,
    vouching_context,
)
from world import HOST, World

pytestmark = pytest.mark.every_interpreter


@pytest.fixture
def client(world: World, tmp_path: Path) -> mecai.SSLContext:
    return mecai.create_default_context(cafile=str(world.roots), **world.settings(tmp_path / "state"))


@pytest.fixture
def unvouched(world: World) -> Iterator[Peer]:
    with Peer(server_context(world.chain, world.key)) as peer:
        yield peer


def real_error(world: World) -> ssl.SSLCertVerificationError:
    """What `ssl` itself raises for a refusal: by a context of its own class, with MECAI in it."""
    context = mecai.create_default_context(cafile=str(world.roots), **world.settings())
    context.sslobject_class = ssl.SSLObject
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake_hands(*in_memory(context, server_context(world.chain, world.key)))
    assert type(caught.value) is ssl.SSLCertVerificationError
    return caught.value


def test_it_is_what_ssl_raises_and_says_why(world: World, client: mecai.SSLContext) -> None:
    with pytest.raises(mecai.VoucherError) as caught:
        shake_hands(*in_memory(client, server_context(world.chain, world.key)))
    error, real = caught.value, real_error(world)
    for kind in (ssl.SSLCertVerificationError, ssl.SSLError, OSError, ValueError):
        assert isinstance(error, kind)
    names = ["errno", "strerror", "reason", "library", "verify_code", "verify_message", "filename"]
    assert {name: getattr(error, name) for name in names} == {name: getattr(real, name) for name in names}
    assert (error.verify_code, error.reason, error.library) == (50, "CERTIFICATE_VERIFY_FAILED", "SSL")
    assert (error.verdict.outcome, error.verdict.code, error.code) == ("refused", "no_voucher", "no_voucher")
    assert error.verdict.name == HOST and error.verdict.refused and not error.verdict.accepted
    assert str(error) == f"MECAI refused {HOST}: no_voucher: the server sent no vouchers"
    assert error.verdict.advice


def test_its_traceback_is_short(world: World, client: mecai.SSLContext) -> None:
    with pytest.raises(mecai.VoucherError) as caught:
        shake_hands(*in_memory(client, server_context(world.chain, world.key)))
    assert type(caught.value.__cause__) is ssl.SSLCertVerificationError
    assert caught.value.__cause__.__cause__ is None and caught.value.__cause__.__context__ is None
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("During handling") == 0 and shown.count("The above exception was the direct cause") == 1
    assert shown.rstrip().endswith(f"\nmecai.VoucherError: {caught.value}")


def test_it_can_be_pickled(world: World, client: mecai.SSLContext) -> None:
    with pytest.raises(mecai.VoucherError) as caught:
        shake_hands(*in_memory(client, server_context(world.chain, world.key)))
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        read = pickle.loads(pickle.dumps(caught.value, protocol))
        assert type(read) is mecai.VoucherError
        assert read.verdict == caught.value.verdict and str(read) == str(caught.value)
        for name in ("errno", "strerror", "args", "reason", "library", "verify_code", "verify_message", "code"):
            assert getattr(read, name) == getattr(caught.value, name), name


def test_another_context_does_not_get_a_client_out_of_it(world: World, client: mecai.SSLContext) -> None:
    plain, server = ssl.create_default_context(cafile=str(world.roots)), server_context(world.chain, world.key)
    with Peer(server) as unvouched, Peer(vouching_context(world)) as vouched:
        for other in (plain, server, vouching_context(world)):
            with socket.create_connection(unvouched.address) as raw:
                with client.wrap_socket(raw, server_hostname=HOST, do_handshake_on_connect=False) as connection:
                    with pytest.raises(mecai.Error, match="call mecai.attach first") as caught:
                        connection.context = other
                    assert caught.value.code == "not_attached" and connection.context is client
                    with pytest.raises(mecai.VoucherError):
                        connection.do_handshake()
            in_mind, there = in_memory(client, server)
            with pytest.raises(mecai.Error, match="call mecai.attach first"):
                in_mind.context = other
            assert in_mind.context is client
            with pytest.raises(mecai.VoucherError):
                shake_hands(in_mind, there)
        again = mecai.create_default_context(cafile=str(world.roots), **world.settings())
        in_mind, there = in_memory(client, server)
        in_mind.context = again
        assert in_mind.context is again
        with pytest.raises(TypeError):
            in_mind.context = "context"  # type: ignore[assignment]
        # A handshake that is over has been judged.
        with connected(client, vouched.address) as connection:
            connection.context = plain
            assert connection.context is plain and connection.version() is not None


@context_warnings
def test_servers_change_contexts_as_they_like(world: World, client: mecai.SSLContext) -> None:
    both, vouching = ssl.SSLContext(ssl.PROTOCOL_TLS), vouching_context(world)
    mecai.attach(both, **world.settings(), vouchers=world.fresh("empty"))
    both.load_cert_chain(world.chain, world.key)
    plain = server_context(world.chain, world.key)
    for other in (plain, vouching):

        def by_name(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
            connection.context = other

        both.sni_callback = by_name
        if other is plain:
            with pytest.raises(mecai.VoucherError):
                shake_hands(*in_memory(client, both))
        else:
            ours, theirs = in_memory(client, both)
            shake_hands(ours, theirs)
            assert mecai.verdict(ours).accepted and theirs.context is vouching


def by_wrap_socket(plain: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(plain, server_hostname=HOST):
        raise AssertionError("it was let through")


def by_hand(plain: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False) as connection:
        connection.do_handshake()


def implicitly(use: Callable[[ssl.SSLSocket], object]) -> Callable[[socket.socket, ssl.SSLContext], None]:
    def handshake(plain: socket.socket, context: ssl.SSLContext) -> None:
        with context.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False) as connection:
            use(connection)

    return handshake


def without_blocking(plain: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False) as connection:
        connection.setblocking(False)
        while True:
            try:
                connection.do_handshake()
            except ssl.SSLWantReadError:
                continue
            return


def connecting(plain: socket.socket, context: ssl.SSLContext) -> None:
    """A socket that is wrapped first and connected later."""
    address = plain.getpeername()
    with context.wrap_socket(socket.socket(), server_hostname=HOST) as connection:
        connection.connect(address)


def by_file(connection: ssl.SSLSocket) -> None:
    with connection.makefile("rb") as file:
        file.read(1)


WAYS: dict[str, Callable[[socket.socket, ssl.SSLContext], None]] = {
    "wrap_socket": by_wrap_socket,
    "do_handshake": by_hand,
    "without blocking": without_blocking,
    "connect": connecting,
    "recv": implicitly(lambda connection: connection.recv(1)),
    "recv_into": implicitly(lambda connection: connection.recv_into(bytearray(4))),
    "read": implicitly(lambda connection: getattr(connection, "read")(1)),
    "read into": implicitly(lambda connection: getattr(connection, "read")(4, bytearray(4))),
    "send": implicitly(lambda connection: connection.send(b"x")),
    "sendall": implicitly(lambda connection: connection.sendall(b"x")),
    "write": implicitly(lambda connection: getattr(connection, "write")(b"x")),
    "makefile": implicitly(by_file),
}


@pytest.mark.parametrize("watched", [False, True], ids=["", "watched"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_to_shake_hands(
    way: Callable[[socket.socket, ssl.SSLContext], None], watched: bool, world: World, unvouched: Peer, tmp_path: Path
) -> None:
    on_mismatch = print if watched else None
    context = mecai.create_default_context(cafile=str(world.roots), on_mismatch=on_mismatch, **world.settings())
    with socket.create_connection(unvouched.address, timeout=30) as plain, pytest.raises(mecai.VoucherError) as caught:
        way(plain, context)
    assert caught.value.code == "no_voucher"


@pytest.mark.parametrize("watched", [False, True], ids=["", "watched"])
def test_accepted_connections_work_as_ever(watched: bool, world: World, tmp_path: Path) -> None:
    context = mecai.create_default_context(
        cafile=str(world.roots), on_mismatch=print if watched else None, **world.settings(tmp_path / "state")
    )
    with Peer(vouching_context(world)) as server:
        for greet in ("recv", "read"):
            with socket.create_connection(server.address, timeout=30) as plain:
                with context.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False) as connection:
                    assert isinstance(connection, ssl.SSLSocket)
                    assert connection.send(b"x") == 1 and getattr(connection, "write")(b"y") == 1
                    connection.sendall(b"z")
                    assert getattr(connection, greet)(100) == GREETING
                    assert mecai.verdict(connection).accepted
                    connection.settimeout(0.01)
                    with pytest.raises(TimeoutError):
                        connection.recv(1)
                    connection.setblocking(False)
                    with pytest.raises(ssl.SSLWantReadError):
                        connection.recv(1)
        with socket.create_connection(server.address, timeout=30) as plain:
            with context.wrap_socket(plain, server_hostname=HOST) as connection:
                received = bytearray(10)
                assert connection.recv_into(received) == len(GREETING) and received.startswith(GREETING)
                assert connection.unwrap() is not None


def test_asyncio(client: mecai.SSLContext, unvouched: Peer) -> None:
    async def connect() -> None:
        await asyncio.open_connection(*unvouched.address, ssl=client, server_hostname=HOST)

    with pytest.raises(mecai.VoucherError) as caught:
        asyncio.run(connect())
    assert caught.value.verdict.code == "no_voucher"


def test_errors_that_are_not_ours_stay_what_they_are(world: World, client: mecai.SSLContext) -> None:
    with Peer(vouching_context(world)) as server:
        untrusting = mecai.create_default_context(**world.settings())
        for context, host, number in ((client, "other.example", 62), (untrusting, HOST, 20)):
            with pytest.raises(ssl.SSLCertVerificationError) as caught, connected(context, server.address, host):
                pass
            assert type(caught.value) is ssl.SSLCertVerificationError
            assert (caught.value.verify_code, caught.value.__cause__) == (number, None)
    with socket.create_server(("127.0.0.1", 0)) as mute, socket.create_connection(mute.getsockname()) as plain:
        accepted, _ = mute.accept()
        accepted.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        accepted.close()
        with pytest.raises(OSError) as other:
            client.wrap_socket(plain, server_hostname=HOST)
        assert not isinstance(other.value, mecai.VoucherError)


def test_classes_of_the_program_stay_in_use(world: World, unvouched: Peer) -> None:
    class OwnSocket(ssl.SSLSocket):
        def own(self) -> str:
            return "own"

    class OwnObject(ssl.SSLObject):
        handshakes = 0

        def do_handshake(self) -> None:
            type(self).handshakes += 1
            super().do_handshake()

    contexts: list[ssl.SSLContext] = []
    for _ in range(2):
        context = ssl.create_default_context(cafile=str(world.roots))
        context.sslsocket_class, context.sslobject_class = OwnSocket, OwnObject
        mecai.attach(context, **world.settings())
        contexts.append(context)
    assert contexts[0].sslsocket_class is contexts[1].sslsocket_class
    assert issubclass(contexts[0].sslsocket_class, OwnSocket) and contexts[0].sslsocket_class.__name__ == "OwnSocket"
    assert refused(contexts[0], unvouched.address).code == "no_voucher"
    with pytest.raises(mecai.VoucherError):
        shake_hands(*in_memory(contexts[1], server_context(world.chain, world.key)))
    assert OwnObject.handshakes == 0 and contexts[1].sslobject_class.handshakes > 0  # type: ignore[attr-defined]
    with Peer(vouching_context(world)) as server, connected(contexts[0], server.address) as connection:
        assert connection.own() == "own"  # type: ignore[attr-defined]


def test_classes_that_are_derived_from_ours(world: World, unvouched: Peer) -> None:
    class Meta(type):
        pass

    settings: dict[str, Any] = world.settings()
    ours = mecai.SSLContext(**settings).sslsocket_class
    theirs: Any = Meta("Theirs", (ours,), {})
    for on_mismatch in (None, print):
        context = ssl.create_default_context(cafile=str(world.roots))
        context.sslsocket_class = theirs
        mecai.attach(context, **settings, on_mismatch=on_mismatch)
        assert (context.sslsocket_class is theirs) == (on_mismatch is None)
        assert type(context.sslsocket_class) is Meta and context.sslsocket_class.__name__ == "Theirs"
        assert refused(context, unvouched.address).code == "no_voucher"


# --- Refusals inside other exceptions --------------------------------------------------------------------------------


def made(world: World) -> mecai.VoucherError:
    context = mecai.create_default_context(cafile=str(world.roots), **world.settings())
    with pytest.raises(mecai.VoucherError) as caught:
        shake_hands(*in_memory(context, server_context(world.chain, world.key)))
    return caught.value


def raised(error: BaseException, cause: BaseException | None, context: BaseException | None = None) -> BaseException:
    error.__cause__, error.__context__ = cause, context
    return error


def test_refusal_finds_it(world: World) -> None:
    error = made(world)
    with_reason: Any = RuntimeError("x")
    with_reason.reason = error
    wrapped = [
        error,
        raised(RuntimeError(), error),
        raised(RuntimeError(), None, error),
        raised(RuntimeError(), raised(OSError(), None, raised(KeyError(), error))),
        RuntimeError("text", error),
        RuntimeError(RuntimeError(error)),
        with_reason,
    ]
    if sys.version_info >= (3, 11):
        wrapped.append(ExceptionGroup("some", [ValueError(), ExceptionGroup("more", [KeyError(), error])]))
    for outer in wrapped:
        assert mecai.refusal(outer) is error, repr(outer)
    nearest = made(world)
    assert mecai.refusal(raised(RuntimeError(nearest), raised(OSError(), error))) is nearest


def test_refusal_finds_nothing_where_there_is_none(world: World) -> None:
    loop = RuntimeError()
    raised(loop, raised(ValueError(), loop))
    loop.args = (loop, "text", 1)
    for other in (RuntimeError(), real_error(world), loop, KeyboardInterrupt()):
        assert mecai.refusal(other) is None
    for wrong in (None, "error", mecai.VoucherError, 1):
        with pytest.raises(TypeError, match="error must be an exception, not"):
            mecai.refusal(wrong)  # type: ignore[arg-type]
