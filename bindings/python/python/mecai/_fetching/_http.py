"""One question to one authority, over HTTP: no redirects, no more of the body than is needed, proxies as the
environment has them."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mecai._native import lib

from .._library import _call
from .._tls import _plain

_BODY_MAX = lib.MECAI_ENDORSEMENT_MAX + 1
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an authority."""

    url: str
    method: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What it answers."""

    status: int
    content_type: str | None
    retry_after: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Silence:
    """Why there is no answer; "" if it took too long."""

    why: str


@dataclass(slots=True)
class Line:
    """The connections that questions are asked over, so that they can be cut."""

    is_cut: bool = False
    _sockets: set[socket.socket] = field(default_factory=set[socket.socket])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, connected: socket.socket) -> None:
        """Keeps a connection in mind."""
        with self._lock:
            self._sockets.add(connected)
            is_cut = self.is_cut
        if is_cut:
            _shut(connected)

    def remove(self, connected: socket.socket) -> None:
        """Forgets one that has ended."""
        with self._lock:
            self._sockets.discard(connected)

    def cut(self) -> None:
        """Whoever waits for an answer waits no longer."""
        with self._lock:
            self.is_cut = True
            sockets, self._sockets = self._sockets, set()
        for connected in sockets:
            _shut(connected)


def ask(question: Question, deadline: float, line: Line) -> Reply | Silence:
    """Asks, and waits for the whole answer until `deadline` (time.monotonic)."""
    if line.is_cut:
        return Silence("")
    try:
        return _ask(question, deadline, line)
    except Exception as error:
        return Silence("" if _is_timeout(error) or time.monotonic() >= deadline else _told(error))


def _ask(question: Question, deadline: float, line: Line) -> Reply:
    headers = {"Content-Type": question.content_type, "User-Agent": _user_agent(), "Connection": "close"}
    request = urllib.request.Request(question.url, question.body, headers, method=question.method)
    with contextlib.ExitStack() as stack:
        response = _opener(line, stack).open(request, timeout=_left(deadline))
        stack.enter_context(response)
        body = b""
        while len(body) < _BODY_MAX:
            _left(deadline)
            chunk: bytes = response.read1(min(_CHUNK, _BODY_MAX - len(body)))
            if not chunk:
                break
            body += chunk
        if len(body) < _BODY_MAX and response.length:
            raise http.client.IncompleteRead(body, response.length)
        get = response.headers.get
        return Reply(response.status, get("Content-Type"), get("Retry-After"), body)


def _opener(line: Line, stack: contextlib.ExitStack) -> urllib.request.OpenerDirector:
    """What asks, and gives back every answer as it came: no redirects are followed, and no status is an error."""
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), _Http(line, stack), _Https(line, stack)):
        opener.add_handler(handler)
    return opener


class _Http(urllib.request.HTTPHandler):
    def __init__(self, line: Line, stack: contextlib.ExitStack) -> None:
        super().__init__()
        self._connect = partial(_Connection, line, stack)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connect, req)  # pyright: ignore[reportArgumentType]


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, line: Line, stack: contextlib.ExitStack) -> None:
        super().__init__()
        self._connect = partial(_SecureConnection, line, stack)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        context = _plain.context()
        return self.do_open(self._connect, req, context=context)  # pyright: ignore[reportArgumentType]


class _Connection(http.client.HTTPConnection):
    def __init__(self, line: Line, stack: contextlib.ExitStack, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._stack = stack
        self._create_connection = partial(_connect, line, stack)

    def connect(self) -> None:
        super().connect()
        self._stack.callback(self.sock.close)


class _SecureConnection(http.client.HTTPSConnection):
    def __init__(self, line: Line, stack: contextlib.ExitStack, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._line, self._stack = line, stack
        self._create_connection = partial(_connect, line, stack)

    def _tunnel(self) -> None:
        super()._tunnel()  # type: ignore[misc]  # pyright: ignore
        # The end of a connection that is cut looks like the end of a proxy's answer.
        if self._line.is_cut:
            raise TimeoutError

    def connect(self) -> None:
        super().connect()
        self._stack.callback(self.sock.close)


def _connect(line: Line, stack: contextlib.ExitStack, *arguments: Any, **keywords: Any) -> socket.socket:
    """As `socket.create_connection`. The connection can be cut from here on: a proxy's answer and the handshake of TLS
    may come in drops, none of which is late."""
    connected = socket.create_connection(*arguments, **keywords)
    stack.callback(connected.close)
    # Of its own, since TLS takes the other one away.
    handle = stack.enter_context(connected.dup())
    line.add(handle)
    stack.callback(line.remove, handle)
    return connected


def _shut(connected: socket.socket) -> None:
    # It may have ended meanwhile.
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _is_timeout(error: BaseException) -> bool:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(reason, TimeoutError)


def _told(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return str(reason) or type(reason).__name__


def _user_agent() -> str:
    return f"mecai-python/{_call.string(lib.mecai_version())}"
