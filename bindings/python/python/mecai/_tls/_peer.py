"""What came of a connection, by whatever a program holds of it."""

from __future__ import annotations

from typing import Any

from .._vouching._verdict import Verdict
from . import _judgement, _stdlib

# Where the objects of HTTP clients keep the next one on the way to the connection, nearest first.
_STEPS = (
    "raw",  # requests.Response; the io.BufferedReader of http.client
    "_protocol",  # aiohttp.ClientResponse, also of a short body, which has come with the head
    "connection",  # urllib3.HTTPResponse, aiohttp.ClientResponse
    "transport",  # aiohttp's connection and protocol
    "sock",  # http.client.HTTPSConnection and those of urllib3
    "sslobj",  # urllib3's TLS in TLS
    "_sock",  # the socket.SocketIO of http.client
    "fp",  # http.client.HTTPResponse, urllib.error.HTTPError
    "owner",  # the interpreter's own object, which httpcore gives: its SSLSocket
)

# The longest way is HTTPError, HTTPResponse, BufferedReader, SocketIO, SSLSocket.
_LONGEST_WAY = 8


def verdict(connection: object) -> Verdict:
    """What MECAI found in the last handshake of a connection.

    `connection` is an SSLSocket or SSLObject; a transport or StreamWriter of asyncio; an HTTPSConnection or
    HTTPResponse of `http.client`, or what `urllib.request.urlopen` gives; a response of urllib3, requests, httpx or
    aiohttp, as long as it holds its connection; or anything else with `get_extra_info("ssl_object")`.

    A connection that MECAI has no part in has the outcome "not_judged", and its explanation says why; so has one whose
    handshake is not over, or has failed for another reason: its server has proved nothing yet. Of a connection that was
    refused, ask the exception: `refusal`.

    Raises ValueError where the connection is closed or given back, or has no TLS; TypeError for what is none of these.
    Any thread may ask.
    """
    found = _connection_of(connection)
    inner = found._sslobj
    if inner is None:
        raise ValueError(
            "this connection is not connected, or closed: ask for the verdict while it is open, after the handshake"
        )
    judged = _judgement.of(inner)
    # Vouchers are judged before the server has proved that it has the key: only the end of the handshake says that.
    is_settled = judged is not None and (judged.refused or found.version() is not None)
    return judged if judged is not None and is_settled else _judgement.why_not(found)


def _connection_of(given: object) -> Any:
    here: Any = given
    for _ in range(_LONGEST_WAY):
        if _stdlib.is_connection(here):
            return here
        here = _next(here, given)
    raise TypeError(_unsuitable(given))


def _next(here: Any, given: object) -> Any:
    ask = _extra_info(here)
    if ask is not None:
        found = ask("ssl_object")
        if found is None:
            raise ValueError(f"this {type(given).__name__} has no TLS, or its handshake is not over")
        return found
    for step in _STEPS:
        try:
            following = getattr(here, step)
        except AttributeError:
            continue
        if following is None:
            raise ValueError(
                f"this {type(given).__name__} does not hold its connection any more, or not yet: ask for the verdict "
                "before its body is read to the end and before it is closed (requests: stream=True; "
                "urllib3: preload_content=False; httpx: client.stream)"
            )
        return following
    raise TypeError(_unsuitable(given))


def _extra_info(here: Any) -> Any:
    ask = getattr(here, "get_extra_info", None)
    if callable(ask):
        return ask
    extensions = getattr(here, "extensions", None)
    if isinstance(extensions, dict) and "network_stream" in extensions:
        return extensions["network_stream"].get_extra_info  # pyright: ignore
    return None


def _unsuitable(given: object) -> str:
    return (
        f"connection must be an SSLSocket, an SSLObject, or a transport, connection or response over one, not "
        f"{type(given).__name__}"
    )
