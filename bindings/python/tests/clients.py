"""HTTP clients as programs use them, one function each. It imports a client when it is asked for and not before.

Each visits `url` (with its context, or the one of its own where None is given) and returns what `mecai.verdict` says of
the connection; a refusal leaves it as the exception that its users know.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import mecai

Context = ssl.SSLContext | None


def urllib(url: str, context: Context) -> mecai.Verdict:
    from urllib.request import urlopen

    with urlopen(url, context=context) as response:
        verdict = mecai.verdict(response)
        assert response.read()
    return verdict


def http_client(url: str, context: Context) -> mecai.Verdict:
    from http.client import HTTPSConnection

    parts = urlsplit(url)
    connection = HTTPSConnection(parts.netloc, context=context)
    try:
        connection.request("GET", parts.path)
        verdict = mecai.verdict(connection)
        response = connection.getresponse()
        assert mecai.verdict(response) == verdict
        assert response.read()
    finally:
        connection.close()
    return verdict


def urllib3(url: str, context: Context) -> mecai.Verdict:
    from urllib3 import PoolManager

    with PoolManager(ssl_context=context, retries=False) as pool:
        response = pool.request("GET", url, preload_content=False)
        verdict = mecai.verdict(response)
        assert response.read()
        response.release_conn()
    return verdict


def urllib3_retries(url: str, context: Context) -> mecai.Verdict:
    from urllib3 import PoolManager

    with PoolManager(ssl_context=context, retries=1) as pool:
        response = pool.request("GET", url, preload_content=False)
        verdict = mecai.verdict(response)
        response.drain_conn()
        response.release_conn()
    return verdict


def requests(url: str, context: Context) -> mecai.Verdict:
    from requests import Session
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
            super().init_poolmanager(*arguments, **keywords, ssl_context=context)

    with Session() as session:
        if context is not None:
            session.mount("https://", Adapter())
        with session.get(url, stream=True) as response:
            verdict = mecai.verdict(response)
            assert response.content
    return verdict


def httpx(url: str, context: Context) -> mecai.Verdict:
    from httpx import Client

    with Client(verify=True if context is None else context) as client:
        with client.stream("GET", url) as response:
            verdict = mecai.verdict(response)
            assert response.read()
    return verdict


def httpx_async(url: str, context: Context) -> mecai.Verdict:
    from httpx import AsyncClient

    async def visit() -> mecai.Verdict:
        async with AsyncClient(verify=True if context is None else context) as client:
            async with client.stream("GET", url) as response:
                verdict = mecai.verdict(response)
                assert await response.aread()
        return verdict

    return asyncio.run(visit())


def aiohttp(url: str, context: Context) -> mecai.Verdict:
    from aiohttp import ClientSession

    async def visit() -> mecai.Verdict:
        async with ClientSession() as session:
            async with session.get(url, ssl=True if context is None else context) as response:
                verdict = mecai.verdict(response)
                assert await response.read()
        return verdict

    return asyncio.run(visit())


def asyncio_streams(url: str, context: Context) -> mecai.Verdict:
    parts = urlsplit(url)

    async def visit() -> mecai.Verdict:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context or True)
        try:
            verdict = mecai.verdict(writer)
            writer.write(f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        finally:
            writer.close()
            await writer.wait_closed()
        return verdict

    return asyncio.run(visit())


@dataclass(frozen=True)
class Client:
    """A client, the module that it needs, and the exception of its own by which its users know a bad certificate."""

    visit: Callable[[str, Context], mecai.Verdict]
    module: str
    refuses_by: str

    @property
    def name(self) -> str:
        return self.visit.__name__

    def load(self) -> None:
        """Imports it."""
        importlib.import_module(self.module)

    def exception(self) -> type[Exception]:
        module, name = self.refuses_by.rsplit(".", 1)
        kind: type[Exception] = getattr(importlib.import_module(module), name)
        return kind


CLIENTS = {
    client.name: client
    for client in [
        Client(urllib, "urllib.request", "urllib.error.URLError"),
        Client(http_client, "http.client", "ssl.SSLCertVerificationError"),
        Client(urllib3, "urllib3", "urllib3.exceptions.SSLError"),
        Client(urllib3_retries, "urllib3", "urllib3.exceptions.MaxRetryError"),
        Client(requests, "requests", "requests.exceptions.SSLError"),
        Client(httpx, "httpx", "httpx.ConnectError"),
        Client(httpx_async, "httpx", "httpx.ConnectError"),
        Client(aiohttp, "aiohttp", "aiohttp.ClientConnectorCertificateError"),
        Client(asyncio_streams, "asyncio", "ssl.SSLCertVerificationError"),
    ]
}
