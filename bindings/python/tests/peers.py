"""Servers in this process, by the interpreter's own `ssl`, and clients that talk to them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import mecai
import ports
import pytest
from world import ADDRESS, HOST, World

GREETING = b"hello"

context_warnings = pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated:DeprecationWarning")


class Peer:
    """A server of one certificate, at `address` and a free port: greets, and goes when the client does.

    It runs until `stop` or the end of the with block; errors of handshakes are its clients' affair.
    """

    def __init__(self, context: ssl.SSLContext, address: str = ADDRESS) -> None:
        self._context = context
        self._held = ports.hold(address)
        self.address: tuple[str, int] = (address, self._held.getsockname()[1])
        self.port = self.address[1]
        self._listener = socket.create_server(self.address, backlog=512)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with plain, self._context.wrap_socket(plain, server_side=True) as connection:
                connection.sendall(GREETING)
                while connection.recv(4096):
                    pass
                connection.unwrap()
        except OSError:
            return

    def stop(self) -> None:
        # Wakes accept, as closing alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        self._listener.close()
        self._held.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def server_context(chain: Path, key: Path) -> ssl.SSLContext:
    """A plain server's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def vouching_context(world: World, store: Path | None = None) -> mecai.SSLContext:
    """A server's that shows the vouchers of a store, by default those of the world's site."""
    context = mecai.SSLContext(ssl.PROTOCOL_TLS_SERVER, role="server", vouchers=store or world.store)
    context.load_cert_chain(world.chain, world.key)
    return context


@contextmanager
def connected(
    context: ssl.SSLContext, address: tuple[str, int], host: str = HOST, session: ssl.SSLSession | None = None
) -> Generator[ssl.SSLSocket, None, None]:
    """A client's connection, whose greeting was read."""
    with socket.create_connection(address, timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=host, session=session) as connection:
            assert connection.recv(100) == GREETING
            yield connection


def refused(context: ssl.SSLContext, address: tuple[str, int], host: str = HOST) -> mecai.VoucherError:
    """What a handshake that has to be refused raises."""
    with pytest.raises(mecai.VoucherError) as caught, connected(context, address, host):
        pass
    return caught.value


def in_memory(client: ssl.SSLContext, server: ssl.SSLContext, host: str = HOST) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A client and a server that are joined in memory, before their handshake."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    return (
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    )


def shake_hands(client: ssl.SSLObject, server: ssl.SSLObject) -> None:
    """Their handshake; raises what the client's side raises."""
    for _ in range(10):
        try:
            client.do_handshake()
            is_over = True
        except ssl.SSLWantReadError:
            is_over = False
        try:
            server.do_handshake()
        except ssl.SSLWantReadError:
            continue
        if is_over:
            return
    raise AssertionError("the handshake does not end")
