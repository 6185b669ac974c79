"""`python -m mecai check` and `status`: what they print, and their exit codes."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import mecai.__main__
import programs
import pytest
from peers import Peer, server_context, vouching_context
from world import ADDRESS, HOST, World

pytestmark = pytest.mark.every_interpreter


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return programs.run([sys.executable, "-W", "error", "-m", "mecai", *arguments])


def check(world: World, port: int, *more: str, roots: bool = True) -> subprocess.CompletedProcess[str]:
    settings = ["--authorities", str(world.authorities), "--keys", world.authorities_keys]
    trust = ["--cafile", str(world.roots)] if roots else []
    return run("check", f"{HOST}:{port}", "--address", ADDRESS, *settings, *trust, *more)


def test_accepted(world: World, tmp_path: Path) -> None:
    result = check(world, world.port, "--state", str(tmp_path / "state"), "--quorum", "3")
    assert result.returncode == 0, result
    for part in (
        f"{HOST} port {world.port} at {ADDRESS} port {world.port}, TLSv1.3",
        f"accepted {HOST}: vouched for by ",
        "(3 required, 11 endorsements sent)",
        "outcome  accepted",
        "code     accepted",
        f"vouchers 1: {HOST} port {world.port}, seen at {ADDRESS}",
    ):
        assert part in result.stdout, result.stdout
    assert result.stdout.count("  vouched      Operator ") == 11 and result.stderr == ""
    for operator in world.others():
        assert world.operator(operator)["name"] in result.stdout, operator


def test_as_json(world: World) -> None:
    result = check(world, world.port, "--json")
    found = json.loads(result.stdout)
    assert result.returncode == 0 and result.stderr == ""
    assert (found["host"], found["port"], found["error"]) == (HOST, world.port, None)
    assert found["verdict"]["outcome"] == "accepted" and found["verdict"]["port"] == world.port
    assert len(found["verdict"]["bundles"][0]["endorsements"]) == 11


def test_exit_codes(world: World, tmp_path: Path) -> None:
    with Peer(server_context(world.chain, world.key)) as unvouched, Peer(vouching_context(world)) as vouched:
        # The vouchers are for the port of the world's nginx.
        for port, code, word, more in (
            (unvouched.port, 5, "no_voucher", []),
            (unvouched.port, 5, "no_voucher", ["--mode", "observe"]),
            (unvouched.port, 5, "no_voucher", ["--mode", "opportunistic"]),
            (vouched.port, 4, "wrong_port", []),
            (vouched.port, 4, "wrong_port", ["--mode", "observe"]),
        ):
            result = check(world, port, *more)
            assert result.returncode == code and f"code     {word}" in result.stdout, result
            assert "to do    " in result.stdout, result
            told = json.loads(check(world, port, "--json", *more).stdout)
            assert told["verdict"]["code"] == word and told["error"] is None
    untrusted = check(world, world.port, roots=False)
    assert untrusted.returncode == 4 and "the certificate is not trusted: unable to get" in untrusted.stdout


def test_no_handshake(world: World) -> None:
    with socket.socket() as held:
        held.bind((ADDRESS, 0))
        port = held.getsockname()[1]
        refused = check(world, port)
        assert refused.returncode == 1 and "no verdict: " in refused.stdout and "refused" in refused.stdout
        held.listen()
        silent = check(world, port, "--timeout", "0.3", "--json")
        assert silent.returncode == 1 and "timed out" in json.loads(silent.stdout)["error"]
    unknown = run("check", "nowhere.invalid", "--authorities", str(world.authorities), "--keys", world.authorities_keys)
    assert unknown.returncode == 1 and "no verdict: " in unknown.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "required: command"),
        (["check"], "required: HOST[:PORT], --authorities"),
        (["check", "a b"], "'a b' is neither a host name in A-labels nor an address"),
        (["check", "www.example:0"], "'0' is not a port from 1 to 65535"),
        (["check", "www.example", "--timeout", "0"], "'0' is not more than 0"),
        (["check", "www.example", "--address", "x"], "'x' is not an address"),
        (["check", "www.example", "--mode", "off"], "invalid choice: 'off'"),
        (["status", "more"], "unrecognized arguments: more"),
    ],
)
def test_wrong_usage(arguments: list[str], sentence: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2 and result.stdout == "" and sentence in result.stderr, result


def test_wrong_settings(world: World) -> None:
    keys = ["--keys", world.authorities_keys]
    for more, sentence in (
        (["--authorities", "/nowhere", *keys], "authorities = /nowhere: there is no authority list"),
        (["--authorities", str(world.authorities), "--keys", "x"], "authorities_keys = x"),
        (["--authorities", str(world.authorities), *keys, "--quorum", "9"], "quorum = 9"),
        (["--authorities", str(world.authorities), *keys, "--cafile", "/nowhere"], "--cafile /nowhere: No such file"),
    ):
        result = run("check", HOST, *more)
        assert result.returncode == 2 and result.stdout == "" and f"mecai: {sentence}" in result.stderr, result
        assert "Traceback" not in result.stderr


def test_targets() -> None:
    for text, expected in {
        "www.shop.example": ("www.shop.example", 443),
        "WWW.Shop.Example.:8443": ("www.shop.example", 8443),
        "192.0.2.1:1": ("192.0.2.1", 1),
        "2001:DB8:0::1": ("2001:db8::1", 443),
        "[2001:db8::1]:25": ("2001:db8::1", 25),
        "[::ffff:192.0.2.1]": ("192.0.2.1", 443),
    }.items():
        assert mecai.__main__._target(text) == expected, text
    wrong = ["", ":443", "a b", "*.example", "www:65536", "www:", "[::1", "[::1]x", "bücher.example", "[www]:1", "w:²"]
    for text in wrong:
        with pytest.raises(ArgumentTypeError):
            mecai.__main__._target(text)


def test_status() -> None:
    result = run("status")
    assert result.returncode == 0 and ssl.OPENSSL_VERSION in result.stdout
    assert result.stdout.startswith("MECAI is not installed in this process as a whole")
    found = json.loads(run("status", "--json").stdout)
    assert (found["installed"], found["unsupported"], found["working"]) == (False, None, "not_installed")
