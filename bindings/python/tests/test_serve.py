"""Servers in Python show the vouchers of their store, also those that come and go while they run."""

from __future__ import annotations

import ssl
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from http.client import HTTPSConnection
from pathlib import Path

import mecai
import ports
import programs
import pytest
from programs import Server
from servers import PAGE, SERVERS, WAYS
from world import ADDRESS, HOST, World

KINDS = [f"{name}-{way}" for name in SERVERS for way in WAYS]
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass
class Crowd:
    """A server of every kind, all on one store, which is empty at first."""

    servers: dict[str, Server]
    store: Path

    def port(self, kind: str) -> int:
        return self.servers[kind].address[1]


@pytest.fixture(scope="module")
def crowd(world: World) -> Iterator[Crowd]:
    store = world.fresh("store")

    def start(kind: str) -> Server:
        name, way = kind.split("-")
        directory = world.fresh(kind)
        # Held until the server listens; it stays free of others, as servers set SO_REUSEADDR.
        with ports.hold(ADDRESS) as held:
            port: int = held.getsockname()[1]
            script = programs.write_script(world.facts(), SERVERS[name], directory)
            arguments = [str(port), str(world.chain), str(world.key), str(store), way]
            command = [sys.executable, "-W", "error", *script, *arguments]
            return Server(command, (ADDRESS, port), directory / "log")

    with ThreadPoolExecutor() as pool:
        crowd = Crowd(dict(zip(KINDS, pool.map(start, KINDS))), store)
    judge_without_vouchers(world, crowd)
    fill(world, store)
    yield crowd
    for server in crowd.servers.values():
        server.stop()


def fill(world: World, store: Path) -> None:
    """Puts the agent's vouchers for the certificate into a store, as the agent would: whole files appear."""
    [vouchers] = world.store.glob("*.vouchers")
    beside = store / "beside"
    beside.write_bytes(vouchers.read_bytes())
    beside.rename(store / vouchers.name)


def visit(world: World, port: int, state: Path, version: ssl.TLSVersion | None = None) -> mecai.Verdict:
    context = mecai.create_default_context(cafile=str(world.roots), **world.settings(state))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    connection = HTTPSConnection(HOST, port, context=context, timeout=30)
    try:
        connection.request("GET", "/")
        verdict = mecai.verdict(connection)
        assert connection.getresponse().read().decode() == PAGE
    finally:
        connection.close()
    return verdict


def judge_without_vouchers(world: World, crowd: Crowd) -> None:
    state = world.fresh("state") / "state"
    for kind in KINDS:
        with pytest.raises(mecai.VoucherError) as caught:
            visit(world, crowd.port(kind), state)
        assert caught.value.verdict.code == "no_voucher", (kind, caught.value.verdict)


def wait_until(done: Callable[[], bool], within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not done():
        assert time.monotonic() < deadline, "nothing changed"
        time.sleep(0.05)


def is_accepted(world: World, port: int, state: Path, newest: datetime | None = None) -> bool:
    """Whether a visit is accepted, by vouchers of that time if it is given."""
    try:
        verdict = visit(world, port, state)
    except mecai.VoucherError:
        return False
    return verdict.accepted and newest in (None, verdict.newest)


@pytest.mark.parametrize("kind", KINDS)
def test_vouchers_that_came_later_are_shown(kind: str, world: World, crowd: Crowd, tmp_path: Path) -> None:
    wait_until(lambda: is_accepted(world, crowd.port(kind), tmp_path / "state"))
    for version in VERSIONS.values():
        verdict = visit(world, crowd.port(kind), tmp_path / "state", version)
        assert verdict.accepted and (verdict.vouched or 0) >= 2 and verdict.sent == len(world.others()), verdict


@pytest.mark.parametrize("kind", KINDS)
def test_curl_with_the_module_accepts(kind: str, world: World, crowd: Crowd, tmp_path: Path) -> None:
    wait_until(lambda: is_accepted(world, crowd.port(kind), tmp_path / "state"))
    environment = {"OPENSSL_CONF": str(world.client_conf(tmp_path / "curl-state"))}
    port = crowd.port(kind)
    for version in VERSIONS:
        command = ["curl", "-sS", "--cacert", str(world.roots), "--resolve", f"{HOST}:{port}:{ADDRESS}"]
        command += [f"--tlsv{version}", "--tls-max", version, f"https://{HOST}:{port}/"]
        result = programs.run(command, environment)
        assert (result.returncode, result.stdout) == (0, PAGE), result.stderr
        assert f"accepted {HOST}" in result.stderr


def test_newer_vouchers_are_shown_soon(world: World, crowd: Crowd, tmp_path: Path) -> None:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    bundle = world.vouch(world.chain_der[0], world.others(), produced_at=now)
    assert mecai.Store(crowd.store).add(world.chain_der[0], [bundle]) == 0
    for kind in KINDS:
        wait_until(lambda: is_accepted(world, crowd.port(kind), tmp_path / "state", now))


@pytest.mark.parametrize("kind", KINDS)
def test_servers_complain_of_nothing(kind: str, crowd: Crowd) -> None:
    said = crowd.servers[kind].log.read_text()
    for word in ["Traceback", "Warning", "mecai"]:
        assert word not in said, said
