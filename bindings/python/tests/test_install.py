"""`mecai.install`: which contexts it attaches, which it leaves alone, and that `uninstall` takes it back."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import ssl
import threading
import unittest.mock
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from pathlib import Path
from typing import Any

import mecai
import programs
import pytest
from mecai._tls import _install, _plain, _stdlib
from peers import Peer, connected, context_warnings, refused, server_context, vouching_context
from world import World


@pytest.fixture
def settings(world: World, tmp_path: Path) -> Iterator[dict[str, Any]]:
    before = vars(ssl.SSLContext)["__new__"]
    yield {**world.settings(tmp_path / "state")}
    mecai.uninstall()
    assert vars(ssl.SSLContext)["__new__"] is before


def state(context: ssl.SSLContext) -> str:
    return mecai.status(context).state


class Own(ssl.SSLContext):
    """A subclass with a constructor of its own, as libraries have them."""

    def __new__(cls, name: str, *, strict: bool = False) -> Own:
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context.name = name
        return context

    name: str

    def __init__(self, name: str, *, strict: bool = False) -> None:
        self.strict = strict


MAKERS: dict[str, Callable[[], ssl.SSLContext]] = {
    "SSLContext": lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    "default": ssl.create_default_context,
    "https": getattr(ssl, "_create_default_https_context"),
    "unverified": getattr(ssl, "_create_unverified_context"),
    "stdlib": getattr(ssl, "_create_stdlib_context"),
    "both sides": lambda: ssl.SSLContext(ssl.PROTOCOL_TLS),
    "subclass": lambda: Own("x", strict=True),
    "by keyword": lambda: ssl.SSLContext(protocol=ssl.PROTOCOL_TLS_CLIENT),
}


@pytest.mark.every_interpreter
@context_warnings
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_new_context_is_attached(make: Callable[[], ssl.SSLContext], settings: dict[str, Any]) -> None:
    assert state(make()) == "not_attached"
    mecai.install(**settings)
    attached = make()
    assert state(attached) == "attached"
    mecai.uninstall()
    assert state(make()) == "not_attached"
    # What is attached stays so.
    assert state(attached) == "attached"


@pytest.mark.every_interpreter
def test_the_class_is_the_same_object(settings: dict[str, Any]) -> None:
    before = ssl.SSLContext
    signature = inspect.signature(ssl.SSLContext)
    mecai.install(**settings)
    assert ssl.SSLContext is before and inspect.signature(ssl.SSLContext) == signature
    own = Own("name", strict=True)
    assert (own.name, own.strict, type(own)) == ("name", True, Own)
    context = ssl.create_default_context()
    for use in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="SSLContext"):
            use(context)
    with pytest.raises(ValueError):
        ssl.SSLContext(99)
    with pytest.raises(TypeError):
        ssl.SSLContext("client")  # type: ignore[call-overload]


def test_servers_are_attached_where_there_are_vouchers(settings: dict[str, Any], world: World) -> None:
    mecai.install(**settings)
    assert state(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) == "not_attached"
    mecai.uninstall()
    mecai.install(role="server", vouchers=world.store)
    server = server_context(world.chain, world.key)
    assert state(server) == "attached"
    assert state(ssl.create_default_context()) == "not_attached"
    with Peer(server) as peer:
        client = mecai.create_default_context(cafile=str(world.roots), **settings)
        with connected(client, peer.address) as connection:
            assert mecai.verdict(connection).accepted
    mecai.uninstall()
    mecai.install(**settings, vouchers=world.store)
    assert state(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) == state(ssl.create_default_context()) == "attached"


def test_existing_contexts(settings: dict[str, Any], world: World) -> None:
    class Liar:
        """What an object says of itself is not asked."""

        def __getattribute__(self, name: str) -> object:
            raise RuntimeError("an object of the program was disturbed")

    liar = Liar()
    old, subclass, server = ssl.create_default_context(), Own("x"), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings["mode"] = "observe"
    other = mecai.create_default_context(**settings)
    del settings["mode"]
    plain = _plain.context()
    mecai.install(**settings, existing=False)
    assert [state(context) for context in (old, subclass, server, plain)] == ["not_attached"] * 4
    mecai.uninstall()
    mecai.install(**settings)
    assert [state(context) for context in (old, subclass)] == ["attached"] * 2
    assert [state(context) for context in (server, plain)] == ["not_attached"] * 2
    assert dict(mecai.status(other).settings or ())["mode"] == "observe"
    old.load_verify_locations(world.roots)
    with Peer(server_context(world.chain, world.key)) as unvouched:
        assert refused(old, unvouched.address).code == "no_voucher"
    del liar


def test_own_contexts_have_their_own_settings(settings: dict[str, Any], world: World) -> None:
    mecai.install(**settings)
    settings["mode"] = "observe"
    observing = mecai.SSLContext(**settings)
    del settings["mode"]
    assert dict(mecai.status(observing).settings or ())["mode"] == "observe"
    assert state(_plain.context()) == "not_attached"
    late = ssl.create_default_context()
    with pytest.raises(mecai.AlreadyAttached):
        mecai.attach(late, **settings)
    with Peer(server_context(world.chain, world.key)) as unvouched:
        observing.load_verify_locations(world.roots)
        with connected(observing, unvouched.address) as connection:
            assert mecai.verdict(connection).outcome == "unvouched"


def test_twice(settings: dict[str, Any]) -> None:
    mecai.install(**settings)
    ours = vars(ssl.SSLContext)["__new__"]
    mecai.install(**settings)
    mecai.install(**settings, existing=False, mode=None)
    assert vars(ssl.SSLContext)["__new__"] is ours
    others: list[dict[str, Any]] = [{"mode": "observe"}, {"on_mismatch": print}]
    for other in others:
        with pytest.raises(mecai.AlreadyAttached, match="call mecai.uninstall") as caught:
            mecai.install(**{**settings, **other})
        assert caught.value.code == "installed"
    mecai.uninstall()
    mecai.uninstall()
    mecai.install(**settings, mode="observe")
    assert dict(mecai.status(ssl.create_default_context()).settings or ())["mode"] == "observe"


def test_bad_settings_are_told_by_install_itself(settings: dict[str, Any]) -> None:
    before = vars(ssl.SSLContext)["__new__"]
    cases: list[tuple[dict[str, Any], type[Exception]]] = [
        ({**settings, "quorum": 9}, mecai.SettingsError),
        ({**settings, "authorities": "/nowhere"}, mecai.SettingsError),
        ({"role": "server", "vouchers": "/nowhere"}, mecai.SettingsError),
        ({}, mecai.SettingsError),
        ({**settings, "quorum": "two"}, TypeError),
        ({**settings, "mood": "require"}, TypeError),
    ]
    for bad, error in cases:
        with pytest.raises(error):
            mecai.install(**bad)
        assert vars(ssl.SSLContext)["__new__"] is before
        assert not mecai.status().installed
        assert state(ssl.create_default_context()) == "not_attached"


def test_a_context_that_cannot_be_attached_cannot_be_made(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mecai._tls import _find

    mecai.install(**settings)

    def fail(_: object) -> None:
        raise mecai.UnsupportedInterpreter("as if", "hidden")

    with monkeypatch.context() as patch:
        patch.setattr(_find, "pointer", fail)
        for make in (MAKERS["default"], MAKERS["SSLContext"], MAKERS["subclass"]):
            with pytest.raises(mecai.UnsupportedInterpreter, match="as if"):
                make()
    assert state(ssl.create_default_context()) == "attached"


def test_who_has_replaced_it_after_us_keeps_his(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    mecai.install(**settings)
    ours = vars(ssl.SSLContext)["__new__"]
    count = 0

    def counting(cls: type[ssl.SSLContext], *arguments: Any, **named: Any) -> ssl.SSLContext:
        nonlocal count
        count += 1
        context: ssl.SSLContext = ours.__func__(cls, *arguments, **named)
        return context

    theirs = staticmethod(counting)
    setattr(ssl.SSLContext, "__new__", theirs)
    try:
        assert state(ssl.create_default_context()) == "attached"
        mecai.uninstall()
        assert vars(ssl.SSLContext)["__new__"] is theirs
        assert state(ssl.create_default_context()) == "not_attached"
        mecai.install(**settings)
        assert state(ssl.create_default_context()) == "attached"
        assert count >= 3
    finally:
        setattr(ssl.SSLContext, "__new__", ours)


def test_who_puts_an_older_constructor_back_is_noticed(settings: dict[str, Any], world: World) -> None:
    """As a mock does that was there before `install`, and is taken away after it."""
    original = vars(ssl.SSLContext)["__new__"]
    with unittest.mock.patch.object(ssl.SSLContext, "__new__", staticmethod(lambda *some: original.__func__(*some))):
        mecai.install(**settings)
        assert state(ssl.create_default_context()) == "attached"
    assert vars(ssl.SSLContext)["__new__"] is original and state(ssl.create_default_context()) == "not_attached"
    told = mecai.status()
    assert (told.installed, told.working) == (True, "replaced")
    assert "call mecai.install again" in told.explanation and told.explanation[1:] in str(told)
    mecai.install(**settings)
    assert mecai.status().working != "replaced" and state(ssl.create_default_context()) == "attached"
    setattr(ssl.SSLContext, "__new__", original)
    mecai.uninstall()
    mecai.install(**settings, mode="opportunistic")
    assert dict(mecai.status(ssl.create_default_context()).settings or ())["mode"] == "opportunistic"


def test_contexts_that_are_made_past_it_all_the_same(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """By a class that does not ask its constructor. Nothing is installed then."""

    class Stubborn(type(ssl.SSLContext)):  # type: ignore[misc]
        def __call__(cls, *arguments: Any) -> Any:
            return _plain.context()

    past = Stubborn("SSLContext", (ssl.SSLContext,), {})
    monkeypatch.setattr(_stdlib, "classes", lambda: [past])
    with pytest.raises(mecai.Error, match="made past MECAI") as caught:
        mecai.install(**settings)
    assert caught.value.code == "replaced" and not mecai.status().installed
    assert "__new__" not in vars(past)


@pytest.mark.every_interpreter
def test_ssl_that_was_loaded_again(world: World, tmp_path: Path) -> None:
    script = """
import importlib, socket, ssl, sys
import mecai

def visit(module):
    context = module.create_default_context(cafile=CAFILE)
    with socket.create_connection((ADDRESS, PORT)) as plain:
        with context.wrap_socket(plain, server_hostname=HOST) as connection:
            assert mecai.verdict(connection).accepted
    with socket.create_connection((ADDRESS, UNVOUCHED_PORT)) as plain:
        try:
            context.wrap_socket(plain, server_hostname=HOST)
        except mecai.VoucherError as error:
            return error.code

mecai.install(**SETTINGS)
again = importlib.reload(ssl)
assert mecai.status().working == "replaced"
mecai.install(**SETTINGS)
assert mecai.status().working != "replaced"
print(visit(again))
del sys.modules["ssl"]
import ssl as third
assert third is not again and mecai.status().working == "replaced"
mecai.uninstall()
mecai.install(**SETTINGS)
print(visit(third), visit(again))
mecai.uninstall()
print(mecai.status(third.create_default_context()).state, mecai.status(again.create_default_context()).state)
"""
    result = programs.python(world.facts(tmp_path / "state"), script, tmp_path)
    assert programs.output(result) == "no_voucher\nno_voucher no_voucher\nnot_attached not_attached\n"


def test_threads_install_and_make_at_once(settings: dict[str, Any]) -> None:
    start = threading.Barrier(16)
    made: list[ssl.SSLContext] = []
    errors: list[Exception] = []

    def work(number: int) -> None:
        start.wait()
        try:
            if number % 4 == 0:
                mecai.install(**settings)
            made.extend(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(20))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    # Those that were there before were found, those that came after were attached.
    assert {state(context) for context in made} == {"attached"} and len(made) == 320


class Slow:
    """In the place of the constructor: the first call waits until it may go on, others do not."""

    def __init__(self) -> None:
        self.original = vars(ssl.SSLContext)["__new__"]
        self.entered, self.may_go_on = threading.Event(), threading.Event()

        def slow(cls: type[ssl.SSLContext], *arguments: Any) -> ssl.SSLContext:
            if not self.entered.is_set():
                self.entered.set()
                assert self.may_go_on.wait(60)
            context: ssl.SSLContext = self.original.__func__(cls, *arguments)
            return context

        self.new = staticmethod(slow)

    def __enter__(self) -> Slow:
        setattr(ssl.SSLContext, "__new__", self.new)
        return self

    def __exit__(self, *_: object) -> None:
        mecai.uninstall()
        assert vars(ssl.SSLContext)["__new__"] is self.new
        setattr(ssl.SSLContext, "__new__", self.original)


def test_a_context_that_is_being_made_meanwhile(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with Slow() as slow, ThreadPoolExecutor(2) as pool:
        made = pool.submit(ssl.SSLContext, ssl.PROTOCOL_TLS_CLIENT)
        assert slow.entered.wait(60)
        # Who does not finish is not waited for without end, and nothing is installed by halves.
        with monkeypatch.context() as patch:
            patch.setattr(_install, "_LONGEST_CONSTRUCTOR", 0.05)
            with pytest.raises(mecai.Error, match="another thread is making an ssl.SSLContext") as caught:
                mecai.install(**settings)
        assert caught.value.code == "busy" and not mecai.status().installed
        assert vars(ssl.SSLContext)["__new__"] is slow.new
        installing = pool.submit(mecai.install, **settings)
        with pytest.raises(TimeoutError):
            installing.result(0.2)
        slow.may_go_on.set()
        installing.result(60)
        assert state(made.result(60)) == "attached"


def test_two_thousand_contexts_and_their_end(settings: dict[str, Any]) -> None:
    mecai.install(**settings)
    before = mecai.status().attached
    contexts = [ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2000)]
    # Contexts of other tests may be going meanwhile.
    assert 2000 <= mecai.status().attached <= before + 2000
    assert {state(context) for context in contexts} == {"attached"}
    del contexts
    gc.collect()
    assert mecai.status().attached <= before


def test_contexts_that_do_not_verify_are_not_judged(settings: dict[str, Any], world: World) -> None:
    mecai.install(**settings)
    context = ssl.create_default_context(cafile=str(world.roots))
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with Peer(server_context(world.chain, world.key)) as unvouched, connected(context, unvouched.address) as connection:
        assert mecai.verdict(connection).outcome in ("not_judged", "refused")
    # The same context, once it verifies.
    context.verify_mode = ssl.CERT_REQUIRED
    with Peer(server_context(world.chain, world.key)) as unvouched:
        assert refused(context, unvouched.address).code == "no_voucher"
    with Peer(vouching_context(world)) as vouched, connected(context, vouched.address) as connection:
        assert mecai.verdict(connection).accepted


def test_urllib_needs_nothing_else(settings: dict[str, Any], world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(world.roots))
    mecai.install(**settings)
    with urllib.request.urlopen(world.url, timeout=30) as response:
        assert mecai.verdict(response).accepted
    with pytest.raises(urllib.error.URLError) as caught:
        urllib.request.urlopen(world.unvouched_url, timeout=30)
    refusal = mecai.refusal(caught.value)
    assert refusal is not None and refusal.code == "no_voucher"


@pytest.mark.every_interpreter
@pytest.mark.parametrize("order", ["ssl first", "mecai first", "truststore first", "truststore later"])
def test_no_order_of_imports_matters(order: str, world: World, tmp_path: Path) -> None:
    script = f"""
order = {order!r}
if order == "ssl first":
    import ssl, urllib.request
    old = ssl.create_default_context()
if order == "truststore first":
    import truststore
    truststore.inject_into_ssl()
import mecai
mecai.install(**SETTINGS)
import ssl, urllib.request
if order == "truststore later":
    import truststore
    truststore.inject_into_ssl()
contexts = [ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)]
contexts += [old] if order == "ssl first" else []
assert {{mecai.status(context).state for context in contexts}} == {{"attached"}}
with urllib.request.urlopen(URL, timeout=30) as response:
    assert mecai.verdict(response).accepted
try:
    urllib.request.urlopen(UNVOUCHED_URL, timeout=30)
except OSError as error:
    assert isinstance(error.reason, ssl.SSLCertVerificationError), error
    assert error.reason.verify_code == 50, error.reason.verify_code
    print("refused")
"""
    result = programs.python(world.facts(tmp_path / "state"), script, tmp_path, environment=world.trust())
    assert programs.output(result) == "refused\n"
