"""`mecai.attach`, `mecai.SSLContext` and `mecai.create_default_context`: every key, its errors and an effect of it."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mecai
import pytest
from mecai._tls._settings import KEYS
from peers import Peer, connected, context_warnings, refused, vouching_context
from world import HOST, World


def client(world: World, **settings: Any) -> mecai.SSLContext:
    return mecai.create_default_context(cafile=str(world.roots), **{**world.settings(), **settings})


def good(world: World, fresh: Path) -> dict[str, list[Any]]:
    """Values of each key that are taken."""
    return {
        "authorities": [world.authorities, os.path.relpath(world.authorities)],
        "authorities_keys": [[key.strip() for key in world.authorities_keys.split(",")]],
        "mode": ["require", "opportunistic", "observe", "off"],
        "role": ["both", "client"],
        "quorum": [1, 4],
        "candidates": [2, 31],
        "region": ["EU"],
        "addresses": ["note", "require", "ignore"],
        "exempt": [
            "a.example, *.b.example,192.0.2.0/24",
            ["a.example", ipaddress.ip_address("::1"), ipaddress.ip_network("10.0.0.0/8")],
            ipaddress.ip_network("10.0.0.0/8"),
            (name for name in ("a.example", "b.example")),
            (),
        ],
        "local_roots": [world.roots],
        "failover": [True, False, "on", "off"],
        "disclose": ["none", "candidates"],
        "state": [fresh / "state", str(fresh / "other")],
        "reports": [True, False, "off"],
        "log": ["off", "stderr", "syslog", fresh / "log"],
        "vouchers": [world.store, str(world.store)],
        "on_mismatch": [print],
    }


# Values that are not, and what the error says. Those of a wrong type are TypeErrors.
BAD: dict[str, list[tuple[Any, str]]] = {
    "authorities": [("/nowhere/list", "authorities = /nowhere/list: there is no authority list"), ("", "empty")],
    "authorities_keys": [("RWQ", "authorities_keys = RWQ"), (["a,b"], "has 'a,b' in it"), ([], "authorities_keys")],
    "mode": [("sometimes", "mode = sometimes"), ("", "mode")],
    "role": [("nobody", "role = nobody"), ("server", "vouchers is missing")],
    "quorum": [(0, "quorum = 0"), (5, "quorum = 5"), (-1, "quorum = -1"), (10**30, "quorum")],
    "candidates": [(32, "candidates = 32"), (0, "candidates = 0")],
    "region": [("Europe!", "region = Europe!"), ("", "region")],
    "addresses": [("perhaps", "addresses = perhaps")],
    "exempt": [("a b", "exempt = a b"), (["", "a"], "exempt has ''"), ("*.*.example", "exempt")],
    "local_roots": [("/nowhere.pem", "local_roots = /nowhere.pem")],
    "failover": [("maybe", "failover = maybe")],
    "disclose": [("all", "disclose = all")],
    "state": [("/etc", "state = /etc"), ("", "state is empty")],
    "reports": [("maybe", "reports = maybe")],
    "log": [("/nowhere/log", "/nowhere/log"), ("", "log is empty")],
    "vouchers": [("/nowhere/store", "vouchers = /nowhere/store")],
}

WRONG_TYPES: dict[str, list[Any]] = {
    **{key: [1, 1.5, object(), ["a"], True] for key in ("authorities", "local_roots", "state", "vouchers", "log")},
    **{key: [1, b"x", ["require"], True] for key in ("mode", "role", "region", "addresses", "disclose")},
    **{key: ["2", 2.0, True, b"2", [2]] for key in ("quorum", "candidates")},
    **{key: [1, 0, b"on", ["on"]] for key in ("failover", "reports")},
    "authorities_keys": [1, b"RWQ", [b"RWQ"], {"a": 1}, [1]],
    "exempt": [1, b"a", [b"a"], {"a": 1}, [None]],
    "on_mismatch": ["print", 1, []],
}


def test_the_lists_are_of_every_key(world: World, tmp_path: Path) -> None:
    assert set(good(world, tmp_path)) == set(WRONG_TYPES) == {*KEYS, "on_mismatch"}
    assert set(WRONG_TYPES) == set(mecai.Settings.__annotations__)
    assert set(BAD) == set(KEYS)


@pytest.mark.parametrize("key", WRONG_TYPES)
def test_good_values(key: str, world: World, tmp_path: Path) -> None:
    for value in good(world, tmp_path)[key]:
        context = client(world, **{key: value})
        assert mecai.status(context).state == "attached", key


@pytest.mark.parametrize("key", BAD)
def test_bad_values_are_errors_that_name_the_key(key: str, world: World) -> None:
    for value, sentence in BAD[key]:
        context = ssl.create_default_context()
        with pytest.raises(mecai.SettingsError) as caught:
            mecai.attach(context, **{**world.settings(), key: value})
        assert key in str(caught.value) and sentence in str(caught.value), caught.value
        assert isinstance(caught.value, ValueError)
        # The context is as it was, and can still be attached.
        assert mecai.status(context).state == "not_attached"
        mecai.attach(context, **world.settings())


@pytest.mark.parametrize("key", WRONG_TYPES)
def test_wrong_types(key: str, world: World) -> None:
    for value in WRONG_TYPES[key]:
        with pytest.raises(TypeError, match=f"^{key} must be "):
            client(world, **{key: value})


@pytest.mark.parametrize("key", KEYS)
def test_texts_with_a_nul(key: str, world: World) -> None:
    if key not in ("quorum", "candidates"):
        with pytest.raises(ValueError, match=f"^{key} has a NUL in it: "):
            client(world, **{key: "a\0b"})


def test_a_text_that_is_no_unicode(world: World) -> None:
    with pytest.raises(ValueError):
        client(world, region="\ud800")
    with pytest.raises(mecai.SettingsError, match="UTF-8"):
        client(world, authorities=os.fsdecode(b"/\xff"))


class Liar(str):
    """Says something else of itself wherever it is asked."""

    def __str__(self) -> str:
        return "observe"

    def __contains__(self, part: object) -> bool:
        return False

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"observe\0"


def test_a_text_is_what_it_is(world: World) -> None:
    context = client(world, mode=Liar("require"), exempt=[Liar("a.example")], authorities=Liar(world.authorities))
    told = dict(mecai.status(context).settings or ())
    assert (told["mode"], told["exempt"], told["authorities"]) == ("require", "a.example", str(world.authorities))
    with pytest.raises(ValueError, match="mode has a NUL"):
        client(world, mode=Liar("re\0quire"))


def test_none_is_as_if_it_were_not_given(world: World) -> None:
    context = ssl.create_default_context()
    mecai.attach(context, **{**dict.fromkeys(KEYS), **world.settings()}, on_mismatch=None)
    assert dict(mecai.status(context).settings or ()) == world.settings()


@pytest.mark.parametrize("call", [mecai.attach, mecai.install, mecai.SSLContext, mecai.create_default_context])
def test_unknown_keys(call: Callable[..., object], world: World) -> None:
    arguments = [ssl.create_default_context()] if call is mecai.attach else []
    for key in ("authority", "path", "except", "Mode"):
        with pytest.raises(TypeError, match=rf"\(\) got an unexpected keyword argument '{key}'"):
            call(*arguments, **world.settings(), **{key: "x"})


def test_what_a_client_needs(world: World) -> None:
    with pytest.raises(mecai.SettingsError, match="authorities is missing"):
        mecai.SSLContext()
    with pytest.raises(mecai.SettingsError, match="authorities_keys is missing"):
        mecai.SSLContext(authorities=world.authorities)
    with pytest.raises(mecai.SettingsError, match="vouchers is missing"):
        mecai.SSLContext(ssl.PROTOCOL_TLS_SERVER, **world.settings())
    with pytest.raises(mecai.SettingsError, match="role = server"):
        mecai.SSLContext(role="server", vouchers=world.store)


def test_a_relative_path_stays_what_it_was(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world.authorities.parent)
    context = client(world, authorities=world.authorities.name, state=os.path.relpath(tmp_path / "state"))
    monkeypatch.chdir("/")
    told = dict(mecai.status(context).settings or ())
    assert told["authorities"] == str(world.authorities) and told["state"] == str(tmp_path / "state")
    with Peer(vouching_context(world)) as server, connected(context, server.address) as connection:
        assert mecai.verdict(connection).accepted


def test_effects(world: World, tmp_path: Path) -> None:
    """One of each key that has one with a single server."""
    log = tmp_path / "log"
    with Peer(vouching_context(world)) as vouched, Peer(vouching_context(world, world.fresh("empty"))) as unvouched:
        with connected(client(world, state=tmp_path / "state"), vouched.address) as connection:
            verdict = mecai.verdict(connection)
            assert (verdict.outcome, verdict.required) == ("accepted", 2)
        with connected(client(world, state=tmp_path / "state", quorum=3, log=log), vouched.address) as connection:
            assert mecai.verdict(connection).required == 3
        assert "accepted www.shop.example" in log.read_text()
        with connected(client(world), vouched.address) as connection:
            verdict = mecai.verdict(connection)
            assert (verdict.required, verdict.notes) == (6, ("port_not_compared", "no_secret")), verdict
        assert refused(client(world), unvouched.address).code == "no_voucher"
        for mode, outcome in {"observe": "unvouched", "opportunistic": "unvouched", "off": "not_judged"}.items():
            with connected(client(world, mode=mode), unvouched.address) as connection:
                assert mecai.verdict(connection).outcome == outcome
        for exempt in ({"exempt": HOST}, {"exempt": ["x", "*.shop.example"]}, {"local_roots": world.roots}):
            with connected(client(world, **exempt), unvouched.address) as connection:
                assert mecai.verdict(connection).outcome == "exempt"
        assert refused(client(world, exempt="other.example"), unvouched.address).code == "no_voucher"


def test_addresses(world: World, tmp_path: Path) -> None:
    with Peer(vouching_context(world), "127.0.0.1") as elsewhere:
        for addresses, notes in {"note": ("address_not_seen",), "ignore": ()}.items():
            context = client(world, state=tmp_path / "state", addresses=addresses, reports=False)
            with connected(context, elsewhere.address) as connection:
                verdict = mecai.verdict(connection)
                assert verdict.accepted and set(verdict.notes) - {"port_not_compared"} == set(notes), verdict
        error = refused(client(world, state=tmp_path / "state", addresses="require"), elsewhere.address)
        assert error.code == "address_not_seen"


def test_attached_once_only(world: World) -> None:
    made: list[ssl.SSLContext] = [client(world), mecai.SSLContext(**world.settings()), ssl.create_default_context()]
    mecai.attach(made[2], **world.settings())
    for context in made:
        with pytest.raises(mecai.AlreadyAttached, match="already attached to this context") as caught:
            mecai.attach(context, **world.settings(), mode="observe")
        assert caught.value.code == "already_attached"
        # Nothing has changed.
        assert "mode" not in dict(mecai.status(context).settings or ())


def test_classes_that_cannot_be_derived_from(world: World) -> None:
    """The context is then as it was, and no context is attached whose refusals nobody could tell."""

    class Final(ssl.SSLObject):
        def __init_subclass__(cls) -> None:
            raise TypeError("this class is final")

    context = ssl.create_default_context(cafile=str(world.roots))
    context.sslobject_class = Final
    with pytest.raises(TypeError, match="this class is final"):
        mecai.attach(context, **world.settings())
    assert mecai.status(context).state == "not_attached" and mecai.status(context).settings is None
    assert (context.sslsocket_class, context.sslobject_class) == (ssl.SSLSocket, Final)
    context.sslobject_class = ssl.SSLObject
    with pytest.raises(mecai.SettingsError):
        mecai.attach(context, **world.settings(), quorum=9)
    assert (context.sslsocket_class, context.sslobject_class) == (ssl.SSLSocket, ssl.SSLObject)
    mecai.attach(context, **world.settings())
    assert context.sslsocket_class is not ssl.SSLSocket


@context_warnings
def test_a_context_for_both_sides(world: World) -> None:
    server, both = ssl.SSLContext(ssl.PROTOCOL_TLS), ssl.SSLContext(ssl.PROTOCOL_TLS)
    for context in (server, both):
        mecai.attach(context, **world.settings(), vouchers=world.store)
        context.load_cert_chain(world.chain, world.key)
        context.load_verify_locations(world.roots)
    both.verify_mode = ssl.CERT_REQUIRED
    with Peer(server) as peer, connected(both, peer.address) as connection:
        assert mecai.verdict(connection).accepted


@pytest.mark.every_interpreter
@pytest.mark.parametrize("purpose", [ssl.Purpose.SERVER_AUTH, ssl.Purpose.CLIENT_AUTH])
def test_defaults_are_those_of_ssl(
    purpose: ssl.Purpose, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    server = {"role": "server", "vouchers": world.store}
    settings: Any = world.settings() if purpose == ssl.Purpose.SERVER_AUTH else server
    trusted: list[dict[str, Any]] = [{}, {"cafile": str(world.roots)}, {"cadata": world.roots.read_text()}]
    for roots in trusted:
        made: ssl.SSLContext = mecai.create_default_context(purpose, **roots, **settings)
        real = ssl.create_default_context(purpose, **roots)
        assert isinstance(made, ssl.SSLContext) and type(made) is mecai.SSLContext
        for name in (
            "check_hostname hostname_checks_common_name keylog_filename maximum_version minimum_version options "
            "post_handshake_auth protocol security_level verify_flags verify_mode"
        ).split():
            assert getattr(made, name) == getattr(real, name), name
        assert made.get_ciphers() == real.get_ciphers()
        assert made.cert_store_stats() == real.cert_store_stats()


def test_arguments_of_create_default_context(world: World) -> None:
    with pytest.raises(TypeError):
        mecai.create_default_context("server", **world.settings())  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        mecai.create_default_context(cafile="/nowhere", **world.settings())
    with pytest.raises(TypeError):
        mecai.create_default_context(ssl.Purpose.SERVER_AUTH, "/nowhere")  # type: ignore[call-arg]
