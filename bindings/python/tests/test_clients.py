"""Every client accepts the vouched server and refuses the other: with a context, and by `mecai.install` alone."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import mecai
import programs
import pytest
from clients import CLIENTS, Client
from world import HOST, OWNER, World

pytestmark = pytest.mark.every_interpreter

every_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


def default_context(world: World, state: Path) -> ssl.SSLContext:
    return mecai.create_default_context(cafile=str(world.roots), **world.settings(state))


def own_context(world: World, state: Path) -> ssl.SSLContext:
    context = mecai.SSLContext(**world.settings(state))
    context.load_verify_locations(world.roots)
    return context


def attached_context(world: World, state: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(world.roots))
    mecai.attach(context, **world.settings(state))
    return context


every_context = pytest.mark.parametrize(
    "make", [default_context, own_context, attached_context], ids=lambda make: make.__name__
)


def judge(client: Client, url: str, unvouched_url: str, context: ssl.SSLContext | None) -> None:
    """What is demanded of every client, in whichever way it got to mecai."""
    verdict = client.visit(url, context)
    assert verdict.accepted and verdict.outcome == "accepted", verdict
    assert (verdict.vouched or 0) >= 2 and verdict.required == 2, verdict
    assert verdict.name == HOST, verdict
    assert verdict.chain == (OWNER,), verdict

    with pytest.raises(client.exception()) as caught:
        client.visit(unvouched_url, context)
    refusal = mecai.refusal(caught.value)
    assert isinstance(refusal, mecai.VoucherError), repr(caught.value)
    assert isinstance(refusal, ssl.SSLCertVerificationError)
    assert refusal.verdict.refused and refusal.verdict.code == "no_voucher", refusal.verdict
    # Who reads only the client's own message learns it, too.
    assert "no_voucher" in str(caught.value), str(caught.value)


@every_client
@every_context
def test_with_a_context(
    client: Client, make: Callable[[World, Path], ssl.SSLContext], world: World, tmp_path: Path
) -> None:
    judge(client, world.url, world.unvouched_url, make(world, tmp_path / "state"))


SCRIPT = """
import sys

name, order = sys.argv[1:]
module = {modules!r}[name]
if order == "before":
    __import__(module)
import mecai

mecai.install(**SETTINGS)
if order == "after":
    assert module == "asyncio" or "." in module or module not in sys.modules
    __import__(module)
import test_clients
from clients import CLIENTS

test_clients.judge(CLIENTS[name], URL, UNVOUCHED_URL, None)
assert mecai.status().working == "working", mecai.status()
print("judged")
"""


@pytest.mark.parametrize("order", ["before", "after"])
@every_client
def test_by_install_alone(client: Client, order: str, world: World, tmp_path: Path) -> None:
    script = SCRIPT.format(modules={name: one.module for name, one in CLIENTS.items()})
    facts = world.facts(tmp_path / "state")
    result = programs.python(facts, script, tmp_path, client.name, order, environment=world.trust())
    assert programs.output(result) == "judged\n"
