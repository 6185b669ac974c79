"""Vouchers are fetched from the world's authorities, and from some that are strange."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import lists
import mecai
import programs
import pytest
import strange_authorities as strange
from nginx import Nginx
from strange_authorities import Strange
from world import ADDRESS, HOST, OWNER, World

Ask = Callable[..., mecai.Fetched]


def _sync(*arguments: Any, **keywords: Any) -> mecai.Fetched:
    return mecai.fetch_vouchers(*arguments, **keywords)


def _async(*arguments: Any, **keywords: Any) -> mecai.Fetched:
    return asyncio.run(mecai.fetch_vouchers_async(*arguments, **keywords))


both = pytest.mark.parametrize("ask", [_sync, _async])


def _list(world: World) -> tuple[Path, str]:
    return world.authorities, world.authorities_keys


def _codes(fetched: mecai.Fetched) -> dict[str, str]:
    return {failure.operator: failure.code for failure in fetched.failures}


@both
def test_all_others_vouch_and_a_server_shows_it(ask: Ask, world: World, tmp_path: Path) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    fetched = ask(HOST, world.port, world.chain, _list(world), lifetime=3600, stay=7)
    assert _codes(fetched) == {OWNER: "own_operator"}
    bundle = fetched.require()
    about = bundle.statement
    assert about == fetched.statement
    assert (about.host, about.port, about.addresses) == (HOST, world.port, (ip_address(ADDRESS),))
    assert before <= about.produced_at <= datetime.now(timezone.utc)
    assert (about.not_after - about.produced_at, about.stay) == (timedelta(hours=1), 7)
    authorities = mecai.AuthorityList.load(*_list(world))
    endorsers = [authorities.authority(endorsement.authority) for endorsement in bundle.endorsements]
    assert sorted(one.operator for one in endorsers if one) == world.others() and fetched.left_out == 0

    store = mecai.Store(world.fresh("store"))
    der = ssl.PEM_cert_to_DER_cert(world.chain.read_text().split("-----END")[0] + "-----END CERTIFICATE-----")
    assert store.certificates() == ()
    assert store.add(der, [bundle]) == 0
    assert store.certificates() == (about.certificate,)
    answer = store.answer(der, name=HOST)
    assert answer is not None and mecai.Bundle.parse_answer(answer) == (bundle,)
    for path in Path(store.directory).iterdir():
        path.chmod(0o644)
    conf = world.server_conf(Path(store.directory))
    server = Nginx(world.fresh("served"), ADDRESS, world.chain, world.key, openssl_conf=conf)
    with server:
        command = ["openssl", "s_client", "-tls1_2", "-serverinfo", "65357", "-servername", HOST]
        shown = programs.run([*command, "-connect", f"{ADDRESS}:{server.port}"]).stdout
    text = shown.split("-----BEGIN SERVERINFO FOR EXTENSION 65357-----")[1].split("-----END")[0]
    # An extension's number and length, then its octets.
    assert base64.b64decode(text)[4:] == answer


@both
def test_one_that_is_down_and_one_that_is_silent_keep_nobody(ask: Ask, world: World, tmp_path: Path) -> None:
    with Strange(strange.silent) as silent:
        nobody = f"http://127.0.0.1:{_closed_port()}/"
        authorities = lists.elsewhere(world, tmp_path, {"operator-b": silent.url, "operator-c": nobody})
        begun = time.monotonic()
        fetched = ask(HOST, world.port, world.chain, authorities, addresses=[ADDRESS], timeout=5.0)
        assert 5.0 <= time.monotonic() - begun < 8.0
    assert _codes(fetched) == {OWNER: "own_operator", "operator-b": "timeout", "operator-c": "unreachable"}
    assert len(fetched.require().endorsements) == 9
    refused = next(failure for failure in fetched.failures if failure.operator == "operator-c")
    assert "Connection refused" in refused.explanation and refused.retry_at is None


@both
def test_nobody_vouches_for_another_certificate(ask: Ask, world: World) -> None:
    issued = world.issue([HOST])
    fetched = ask(HOST, world.port, issued.der, _list(world), addresses=[ADDRESS])
    assert fetched.bundle is None
    assert _codes(fetched) == dict.fromkeys(world.operators, "wrong_certificate")
    with pytest.raises(mecai.NotVouched, match="no authority vouches for .*operator-b: .*wrong_certificate") as raised:
        fetched.require()
    assert raised.value.code == "not_vouched"


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _redirected(world: World, url: str) -> strange.Answer:
    return strange.status(307, f"Location: {url}v1/endorsements")


def test_redirects_are_not_followed(world: World, tmp_path: Path) -> None:
    with Strange(strange.forward(world.operator("operator-b")["authority"]["url"])) as other:
        with Strange(_redirected(world, other.url)) as first:
            authorities = lists.elsewhere(world, tmp_path, {"operator-b": first.url})
            fetched = mecai.fetch_vouchers(HOST, world.port, world.chain, authorities, addresses=[ADDRESS])
            assert _codes(fetched) == {OWNER: "own_operator", "operator-b": "unexpected_status"}
            assert (first.asked, other.asked) == (1, 0)


def test_what_an_authority_sends_is_read_as_far_as_it_may_be(world: World, tmp_path: Path) -> None:
    sent: list[int] = []

    def endless(connection: socket.socket) -> None:
        strange.question(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.mecai.endorsement\r\n\r\n")
        count = 0
        try:
            while True:
                count += connection.send(bytes(65536))
        except OSError:
            sent.append(count)

    def dripping(connection: socket.socket) -> None:
        strange.question(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b"0")
            time.sleep(0.05)  # It is what it does: no answer within any time.

    cut = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.mecai.endorsement\r\nContent-Length: 500\r\n\r\n12345"

    def broken(connection: socket.socket) -> None:
        strange.question(connection)
        connection.sendall(cut)
        connection.close()

    kind = "Content-Type: application/vnd.mecai.endorsement"
    answers: dict[str, tuple[strange.Answer, str]] = {
        "operator-b": (endless, "answer_too_large"),
        "operator-c": (dripping, "timeout"),
        "operator-d": (broken, "unreachable"),
        "operator-e": (strange.status(200, kind, body=b"0" * 100), "answer_malformed"),
        "operator-f": (strange.status(200, "Content-Type: text/html", body=b"<p>"), "wrong_content_type"),
        "operator-g": (lambda connection: connection.sendall(b"\0\xff none\r\n\r\n"), "unreachable"),
        "operator-h": (strange.status(503, "Retry-After: 120"), "unexpected_status"),
        "operator-i": (strange.forward(world.operator("operator-j")["authority"]["url"]), "wrong_authority"),
    }
    servers = {operator: Strange(answer) for operator, (answer, _) in answers.items()}
    try:
        urls = {operator: server.url for operator, server in servers.items()}
        authorities = lists.elsewhere(world, tmp_path, urls)
        fetched = mecai.fetch_vouchers(HOST, world.port, world.chain, authorities, addresses=[ADDRESS], timeout=5.0)
    finally:
        for server in servers.values():
            server.__exit__(None, None, None)
    expected = {OWNER: "own_operator", **{operator: code for operator, (_, code) in answers.items()}}
    assert _codes(fetched) == expected
    assert len(fetched.require().endorsements) == 3
    retry_at = next(failure.retry_at for failure in fetched.failures if failure.operator == "operator-h")
    assert retry_at is not None
    assert timedelta(seconds=100) < retry_at - datetime.now(timezone.utc) <= timedelta(seconds=121)
    # What the kernel buffers on loopback, and not what could have been sent in five seconds.
    assert sent and sent[0] < 16 << 20


def test_another_round_follows_where_nobody_vouched(world: World, tmp_path: Path) -> None:
    with Strange(strange.status(503, "Retry-After: 1")) as busy:
        urls = dict.fromkeys(world.operators, busy.url)
        authorities = lists.elsewhere(world, tmp_path, urls)
        fetched = mecai.fetch_vouchers(
            HOST, world.port, world.chain, authorities, addresses=[ADDRESS], attempts=2, timeout=10
        )
        assert fetched.bundle is None and busy.asked == 2 * len(urls)
    seen: list[int] = []
    real = world.operator("operator-b")["authority"]["url"]

    def second_time(connection: socket.socket) -> None:
        seen.append(1)
        (strange.status(503) if len(seen) == 1 else strange.forward(real))(connection)

    with Strange(second_time) as slow, Strange(strange.status(503)) as busy:
        authorities = lists.elsewhere(world, tmp_path, {**urls, "operator-b": slow.url})
        fetched = mecai.fetch_vouchers(
            HOST, world.port, world.chain, authorities, addresses=[ADDRESS], attempts=3, timeout=10
        )
        assert len(fetched.require().endorsements) == 1 and len(seen) == 2


@both
def test_proxies_are_those_of_the_environment(
    ask: Ask, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def proxy(connection: socket.socket) -> None:
        first, _, _ = strange.question(connection)
        lines.append(first)
        connection.sendall(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    with Strange(proxy) as server:
        monkeypatch.setenv("http_proxy", server.url)
        monkeypatch.delenv("no_proxy", raising=False)
        fetched = ask(HOST, world.port, world.chain, _list(world), addresses=[ADDRESS])
        assert fetched.bundle is None
        urls = {f"POST {operator['authority']['url']}v1/endorsements HTTP/1.1" for operator in world.file["operators"]}
        assert set(lines) == urls
        monkeypatch.setenv("no_proxy", "*")
        assert ask(HOST, world.port, world.chain, _list(world), addresses=[ADDRESS]).bundle is not None


def test_an_authority_behind_tls_has_to_have_a_certificate_that_is_trusted(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = world.issue(["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.chain, issued.key)
    with Strange(strange.forward(world.operator("operator-b")["authority"]["url"]), context) as server:
        authorities = lists.elsewhere(world, tmp_path, {"operator-b": server.url})
        arguments = (HOST, world.port, world.chain, authorities)
        fetched = mecai.fetch_vouchers(*arguments, addresses=[ADDRESS])
        assert _codes(fetched) == {OWNER: "own_operator", "operator-b": "unreachable"}
        failure = next(failure for failure in fetched.failures if failure.operator == "operator-b")
        assert "CERTIFICATE_VERIFY_FAILED" in failure.explanation
        monkeypatch.setenv("SSL_CERT_FILE", str(world.roots))
        fetched = mecai.fetch_vouchers(*arguments, addresses=[ADDRESS])
        assert _codes(fetched) == {OWNER: "own_operator"}, fetched.failures


def test_an_async_fetch_is_cancelled_at_once(world: World, tmp_path: Path) -> None:
    async def cancelled(server: Strange, authorities: tuple[Path, str]) -> float:
        fetch = mecai.fetch_vouchers_async(HOST, world.port, world.chain, authorities, addresses=[ADDRESS], timeout=60)
        task = asyncio.create_task(fetch)
        await asyncio.to_thread(server.wait_for, lambda: server.asked == len(world.operators))
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - begun

    with Strange(strange.silent) as server:
        authorities = lists.elsewhere(world, tmp_path, dict.fromkeys(world.operators, server.url))
        assert asyncio.run(cancelled(server, authorities)) < 0.5
    _no_threads_are_left()


def test_the_event_loop_goes_on_meanwhile(world: World) -> None:
    async def both_at_once() -> tuple[int, int]:
        fetch = mecai.fetch_vouchers_async(HOST, world.port, world.chain, _list(world))
        other = mecai.fetch_vouchers_async(HOST, world.port, world.chain, _list(world))
        one, two = await asyncio.gather(fetch, other)
        return len(one.require().endorsements), len(two.require().endorsements)

    assert asyncio.run(both_at_once()) == (11, 11)


def _no_threads_are_left() -> None:
    """Those that asked have ended, since their connections were cut."""
    for thread in threading.enumerate():
        if thread.name == "mecai-fetch":
            thread.join(5)
            assert not thread.is_alive()


def test_a_name_that_dns_does_not_know(world: World) -> None:
    for ask in (_sync, _async):
        with pytest.raises(socket.gaierror):
            ask("nobody.invalid", 443, world.chain, _list(world))


def test_vouchers_never_outlive_the_certificate(world: World) -> None:
    issued = world.issue([HOST], lifetime=timedelta(hours=1))
    fetched = mecai.fetch_vouchers(HOST, world.port, issued.chain, _list(world), addresses=[ADDRESS])
    assert fetched.statement.not_after == issued.certificate.not_valid_after_utc
    ended = world.issue([HOST], lifetime=timedelta(seconds=-5))
    with pytest.raises(ValueError, match="the certificate ended at"):
        mecai.fetch_vouchers(HOST, world.port, ended.chain, _list(world), addresses=[ADDRESS])


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"host": "Shop.Example"}, mecai.FormatError, "host"),
        ({"port": 0}, ValueError, "port is 0, not 1 to 65535"),
        ({"port": "443"}, TypeError, "port must be a int, not str"),
        ({"addresses": []}, ValueError, "there are 0 addresses, not 1 to 16"),
        ({"addresses": "127.0.0.1"}, TypeError, "addresses must be an iterable"),
        ({"addresses": ["here"]}, ValueError, "here"),
        ({"addresses": [f"192.0.2.{index}" for index in range(17)]}, ValueError, "there are 17 addresses"),
        ({"protocol": "quic"}, ValueError, "protocol is 'quic', none of tls, smtp"),
        ({"lifetime": 86_401}, ValueError, "lifetime is 86401, not 0 to 86400"),
        ({"stay": 31}, ValueError, "stay is 31, not 0 to 30"),
        ({"timeout": 0}, ValueError, "timeout is 0"),
        ({"timeout": float("nan")}, ValueError, "timeout is nan"),
        ({"attempts": 0}, ValueError, "attempts is 0"),
        ({"certificate": b"none"}, mecai.FormatError, "4 octets"),
        ({"certificate": "/none.pem"}, FileNotFoundError, "none.pem"),
        ({"authorities": "/none.json"}, TypeError, "authorities must be an AuthorityList or"),
    ],
)
def test_arguments_are_looked_at_first(
    change: dict[str, Any], error: type[Exception], says: str, world: World
) -> None:
    arguments: dict[str, Any] = {
        "host": HOST,
        "port": world.port,
        "certificate": world.chain,
        "authorities": _list(world),
        "addresses": [ADDRESS],
        **change,
    }
    for ask in (_sync, _async):
        with pytest.raises(error, match=says):
            ask(**arguments)
