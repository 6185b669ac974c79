"""Authorities that answer as none should, or not at all."""

from __future__ import annotations

import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable
from types import TracebackType

Answer = Callable[[socket.socket], None]


class Strange:
    """Listens on loopback, and does with each connection what `answer` says, each in a thread of its own. `url` is
    where; `asked` counts the connections."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self._answer, self._context = answer, context
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: list[socket.socket] = []
        self.asked = 0
        self.bytes_taken = 0
        self.changed = threading.Condition()
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listening.getsockname()[1]}/"
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Strange:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self._open:
            connection.close()

    def wait_for(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Until it is so."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            with self.changed:
                self.asked += 1
                self.changed.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._answer(connection)
        except OSError:
            pass  # Whoever asked has gone away.


def question(connection: socket.socket) -> tuple[str, dict[str, str], bytes]:
    """Reads a request: its first line, its headers, its body."""
    with connection.makefile("rb") as file:
        first = file.readline().decode().rstrip("\r\n")
        headers: dict[str, str] = {}
        while (line := file.readline().decode().rstrip("\r\n")) != "":
            name, value = line.split(": ", 1)
            headers[name.lower()] = value
        return first, headers, file.read(int(headers.get("content-length", "0")))


def silent(connection: socket.socket) -> None:
    """Takes the question, and says nothing."""
    question(connection)
    while connection.recv(1):
        pass


def deaf(connection: socket.socket) -> None:
    """Does not even read."""


def status(code: int, *headers: str, body: bytes = b"") -> Answer:
    """Answers so."""

    def answer(connection: socket.socket) -> None:
        question(connection)
        lines = [f"HTTP/1.1 {code} So", f"Content-Length: {len(body)}", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)
        connection.close()

    return answer


def forward(url: str) -> Answer:
    """Asks another one."""

    def answer(connection: socket.socket) -> None:
        _, headers, body = question(connection)
        request = urllib.request.Request(f"{url}v1/endorsements", body, {"Content-Type": headers["content-type"]})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as response:
            octets, kind = response.read(), response.headers["Content-Type"]
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(octets)}\r\n\r\n"
        connection.sendall(head.encode() + octets)
        connection.close()

    return answer
