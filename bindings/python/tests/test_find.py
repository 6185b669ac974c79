"""The SSL_CTX behind every kind of context, found without a look into any struct."""

from __future__ import annotations

import ctypes
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

import mecai
import programs
import pytest
import truststore
from mecai._native import ffi, lib
from mecai._tls import _find, _worker
from peers import Peer, context_warnings, refused, server_context
from world import World

pytestmark = pytest.mark.every_interpreter


def place(context: ssl.SSLContext) -> int:
    return int(ffi.cast("uintptr_t", _find.pointer(context)))


def place_in_struct(context: ssl.SSLContext) -> int:
    """Where today's CPythons have it: the package never looks there, so that the test can."""
    return ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value or 0


class WithOwnBio(ssl.SSLContext):
    """Gets in the way wherever a subclass can."""

    class Object(ssl.SSLObject):
        def do_handshake(self) -> None:
            raise AssertionError("nobody asked for a handshake")

    sslobject_class = Object

    def wrap_bio(self, *arguments: Any, **named: Any) -> Any:
        raise AssertionError("this is the program's")

    def _wrap_bio(self, *arguments: Any, **named: Any) -> Any:
        raise AssertionError("this is the program's")


def look_away(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None: ...


def kinds(world: World) -> dict[str, ssl.SSLContext]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(world.chain, world.key)
    server.sni_callback = look_away
    strict = ssl.create_default_context()
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    strict.minimum_version = strict.maximum_version = ssl.TLSVersion.TLSv1_3
    authenticating = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authenticating.verify_mode = ssl.CERT_REQUIRED
    return {
        "client": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        "server": server,
        "server, no certificate": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        "both": ssl.SSLContext(ssl.PROTOCOL_TLS),
        "default": ssl.create_default_context(),
        "default server": ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        "server that verifies": authenticating,
        "unverified": ssl._create_unverified_context(),  # pyright: ignore[reportUnknownMemberType]
        "strict": strict,
        "subclass": WithOwnBio(ssl.PROTOCOL_TLS_CLIENT),
    }


@context_warnings
def test_of_every_kind(world: World) -> None:
    contexts = kinds(world)
    found = {name: place(context) for name, context in contexts.items()}
    assert found == {name: place_in_struct(context) for name, context in contexts.items()}
    assert len(set(found.values())) == len(contexts)
    assert [_worker.worker(context) for context in contexts.values()] == list(contexts.values())
    # Again, and nothing has moved.
    assert found == {name: place(context) for name, context in contexts.items()}


def test_in_many_threads(world: World) -> None:
    wrong: list[int] = []
    start = threading.Barrier(8)

    def find() -> None:
        start.wait()
        for _ in range(100):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if place(context) != place_in_struct(context):
                wrong.append(place(context))

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_connection_made_meanwhile_is_not_mistaken_for_it() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    others: list[ssl.SSLObject] = []

    def make() -> ssl.SSLObject:
        # As a signal handler might, at the worst moment; the second time it does not.
        if not others:
            others.append(context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO()))
        return context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())

    context.check_hostname = False
    _find.prepare()
    made, found = _find.making(make)
    assert len(others) == 1
    assert found == lib.mecai_openssl_find_made()
    del made
    assert lib.mecai_openssl_find_made() == ffi.NULL


def test_what_never_makes_one_connection_is_given_up() -> None:
    with pytest.raises(mecai.UnsupportedInterpreter, match="a new connection was not seen"):
        _find.making(lambda: None)


def test_truststore_is_looked_into(world: World, tmp_path: Path) -> None:
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    mecai.attach(context, **world.settings(tmp_path / "state"))
    assert mecai.status(context).state == "attached"
    assert mecai.status(context._ctx).state == "attached"
    with pytest.raises(mecai.AlreadyAttached):
        mecai.attach(context, **world.settings(tmp_path / "state"))


class Telling(truststore.SSLContext):
    """Of a program."""


class Delegating(ssl.SSLContext):
    """Leaves the work to another context, in some of the ways that there are."""

    def __new__(cls, *ways: str, inside: str = "_ctx") -> Delegating:
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context.ways = ways
        context.inner = ssl.create_default_context()
        setattr(context, inside, context.inner)
        return context

    ways: tuple[str, ...]
    inner: ssl.SSLContext

    def __init__(self, *ways: str, inside: str = "_ctx") -> None: ...

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        own = super().wrap_socket
        return (self.inner.wrap_socket if "socket" in self.ways else own)(*arguments, **named)

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        own = super().wrap_bio
        return (self.inner.wrap_bio if "bio" in self.ways else own)(*arguments, **named)


def test_whoever_leaves_the_work_to_another_is_looked_into(world: World) -> None:
    both = Delegating("socket", "bio")
    contexts: list[Any] = [Telling(ssl.PROTOCOL_TLS_CLIENT), both]
    for context in contexts:
        mecai.attach(context, **world.settings())
        assert mecai.status(context).state == mecai.status(context._ctx).state == "attached"
    with Peer(server_context(world.chain, world.key)) as unvouched:
        both.inner.load_verify_locations(world.roots)
        assert refused(both, unvouched.address).code == "no_voucher"
    own = Delegating()
    mecai.attach(own, **world.settings())
    assert (mecai.status(own).state, mecai.status(own.inner).state) == ("attached", "not_attached")


def test_whoever_leaves_the_work_to_one_unknown_is_refused(world: World) -> None:
    for context in (
        Delegating("socket", "bio", inside="engine"),
        # One way by its own, and one way not.
        Delegating("socket"),
        Delegating("bio"),
    ):
        with pytest.raises(TypeError, match="must make its connections itself: those of a test_find.Delegating"):
            mecai.attach(context, **world.settings())
        with pytest.raises(TypeError, match="so attach that one"):
            mecai.status(context)
        assert mecai.status(context.inner).state == "not_attached"


def test_a_subclass_of_what_truststore_has_injected(world: World, tmp_path: Path) -> None:
    script = """
import ssl
import truststore
import mecai
truststore.inject_into_ssl()
class Own(ssl.SSLContext):
    pass
context = Own(ssl.PROTOCOL_TLS_CLIENT)
mecai.attach(context, **SETTINGS)
print(mecai.status(context).state, mecai.status(context._ctx).state)
"""
    result = programs.python(world.facts(tmp_path / "state"), script, tmp_path)
    assert programs.output(result) == "attached attached\n"


@pytest.mark.parametrize("kind", ["OpenSSL.SSL", "urllib3.contrib.pyopenssl"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_contexts_of_pyopenssl_are_out_of_reach(kind: str, world: World) -> None:
    import urllib3.contrib.pyopenssl
    from OpenSSL import SSL

    context: Any = SSL.Context(SSL.TLS_METHOD)
    if kind != "OpenSSL.SSL":
        context = urllib3.contrib.pyopenssl.PyOpenSSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(mecai.UnsupportedInterpreter, match="cryptography has an OpenSSL of its own linked in"):
        mecai.attach(context, **world.settings())


@pytest.mark.parametrize("other", [None, 0, "context", b"", object(), ssl.SSLContext, ssl.MemoryBIO(), []])
def test_what_is_no_context(other: Any, world: World) -> None:
    with pytest.raises(TypeError, match="context must be an ssl.SSLContext, not "):
        mecai.attach(other, **world.settings())
    if other is not None:
        with pytest.raises(TypeError, match="context must be an ssl.SSLContext, not "):
            mecai.status(other)


def test_an_object_without_openssl_is_told(tmp_path: Path) -> None:
    """As in an interpreter that has it linked in and hidden: the very call that is made for `_ssl`."""
    script = """
import sys, types, ssl, _ctypes
import _ssl
class Hiding(types.ModuleType):
    def __getattr__(self, name):
        return getattr(_ssl, name)
ssl._ssl = Hiding("_ssl")
ssl._ssl.__file__ = _ctypes.__file__
import mecai
for call in (lambda: mecai.attach(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)), lambda: mecai.install(role="client"),
             lambda: mecai.SSLContext(), lambda: mecai.status(ssl.create_default_context())):
    try:
        call()
    except mecai.UnsupportedInterpreter as error:
        assert error.code == "hidden"
        print(error)
    else:
        raise AssertionError("it was attached")
context = ssl.create_default_context()
assert "SSLContext" in repr(context)
print(mecai.status().unsupported)
print(mecai.status())
"""
    lines = programs.output(programs.python({"names": {}}, script, tmp_path)).splitlines()
    assert len(lines) == 6 and len(set(lines)) == 1, lines
    assert sys.executable in lines[0] and ssl.OPENSSL_VERSION in lines[0] and "uv" in lines[0], lines[0]


