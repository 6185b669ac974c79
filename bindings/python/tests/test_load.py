"""Many connections at once, in threads and in asyncio: each has its own verdict."""

from __future__ import annotations

import asyncio
import resource
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection
from pathlib import Path

import mecai
import pytest
from nginx import PAGES, Nginx
from world import ADDRESS, HOST, World

pytestmark = pytest.mark.every_interpreter

THREADS = 8
EACH = 25
AT_ONCE = 1000


@pytest.fixture(scope="module")
def vouched(world: World) -> Iterator[Nginx]:
    """The world's site again, by an nginx that takes so many connections."""
    conf = world.server_conf(world.store)
    with Nginx(world.fresh("vouched"), ADDRESS, world.chain, world.key, openssl_conf=conf) as nginx:
        yield nginx


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """A connection is a file, and by default a process may have 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8 * AT_ONCE), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def context_of(world: World, state: Path) -> ssl.SSLContext:
    return mecai.create_default_context(cafile=str(world.roots), **world.settings(state))


def test_threads_share_a_context(world: World, vouched: Nginx, tmp_path: Path) -> None:
    context = context_of(world, tmp_path / "state")
    start = threading.Barrier(THREADS)

    def work(number: int) -> tuple[int, int]:
        """Goes to both servers in turn; how often each was as it should be."""
        start.wait()
        accepted = refused = 0
        for _ in range(EACH):
            connection = HTTPSConnection(HOST, vouched.port, context=context, timeout=60)
            connection.request("GET", "/megabyte" if number == 0 else "/kilobyte")
            accepted += mecai.verdict(connection).accepted
            assert connection.getresponse().read() == PAGES["megabyte" if number == 0 else "kilobyte"]
            connection.close()
            connection = HTTPSConnection(HOST, world.unvouched.port, context=context, timeout=60)
            with pytest.raises(mecai.VoucherError) as caught:
                connection.request("GET", "/kilobyte")
            refused += caught.value.verdict.code == "no_voucher"
        return accepted, refused

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(work, range(THREADS))) == [(EACH, EACH)] * THREADS


def test_a_thousand_connections_at_once(world: World, vouched: Nginx, tmp_path: Path) -> None:
    context = context_of(world, tmp_path / "state")

    async def connect(port: int) -> asyncio.StreamWriter | mecai.VoucherError:
        try:
            _, writer = await asyncio.open_connection(HOST, port, ssl=context, ssl_handshake_timeout=300)
            return writer
        except mecai.VoucherError as refusal:
            return refusal

    async def main() -> None:
        # Both kinds are mixed, so that a verdict that is another connection's would be seen.
        ports = [vouched.port, world.unvouched.port] * AT_ONCE
        made = await asyncio.gather(*map(connect, ports))
        writers = [one for one in made[::2] if isinstance(one, asyncio.StreamWriter)]
        refusals = [one for one in made[1::2] if isinstance(one, mecai.VoucherError)]
        assert (len(writers), len(refusals)) == (AT_ONCE, AT_ONCE)
        # All that were accepted are open now.
        for writer in writers:
            verdict = mecai.verdict(writer)
            assert verdict.accepted and (verdict.vouched or 0) >= 2, verdict
        assert {refusal.verdict.code for refusal in refusals} == {"no_voucher"}
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers))

    asyncio.run(main())
