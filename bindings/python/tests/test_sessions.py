"""Sessions that are resumed obey the end of the vouchers that admitted them."""

from __future__ import annotations

import hashlib
import ssl
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import mecai
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from peers import Peer, connected, server_context, vouching_context
from world import World

pytestmark = pytest.mark.every_interpreter

versions = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


def client(world: World, tmp_path: Path, version: ssl.TLSVersion) -> mecai.SSLContext:
    context = mecai.create_default_context(cafile=str(world.roots), **world.settings(tmp_path / "state"))
    context.minimum_version = context.maximum_version = version
    return context


@versions
def test_resumed(world: World, tmp_path: Path, version: ssl.TLSVersion) -> None:
    context = client(world, tmp_path, version)
    with Peer(vouching_context(world)) as server:
        with connected(context, server.address) as connection:
            session, first = connection.session, mecai.verdict(connection)
        with connected(context, server.address, session=session) as connection:
            assert connection.session_reused
            verdict = mecai.verdict(connection)
            assert (verdict.outcome, verdict.code, verdict.resumed) == ("accepted", "accepted", True)
            assert verdict.until == first.until and verdict.bundles == () and verdict.vouched is None


@versions
def test_a_session_without_mecai_is_not_resumed(world: World, tmp_path: Path, version: ssl.TLSVersion) -> None:
    """It was never judged: it must not be the way around."""
    context = ssl.create_default_context(cafile=str(world.roots))
    context.minimum_version = context.maximum_version = version
    with Peer(server_context(world.chain, world.key)) as server:
        with connected(context, server.address) as connection:
            session = connection.session
        with connected(context, server.address, session=session) as connection:
            assert connection.session_reused
        mecai.attach(context, **world.settings(tmp_path / "state"))
        with pytest.raises(mecai.VoucherError) as caught, connected(context, server.address, session=session):
            pass
        assert caught.value.code == "no_voucher"


@pytest.fixture
def ending(world: World) -> tuple[Path, datetime]:
    """A store whose vouchers for the world's site end in some seconds, and when."""
    store = world.fresh("ending")
    now = datetime.now(timezone.utc).replace(microsecond=0)
    until = now + timedelta(seconds=5)
    made = now - timedelta(hours=1)
    certificate = x509.load_pem_x509_certificates(world.chain.read_bytes())[0].public_bytes(Encoding.DER)
    bundle = world.vouch(certificate, world.others(), produced_at=made, lifetime=until - made)
    mecai.Store(store).add(hashlib.sha256(certificate).digest(), [bundle])
    return store, until


@versions
def test_until_the_vouchers_end(
    world: World, tmp_path: Path, version: ssl.TLSVersion, ending: tuple[Path, datetime]
) -> None:
    store, until = ending
    context = client(world, tmp_path, version)
    resumed = 0
    with Peer(vouching_context(world, store)) as server:
        with connected(context, server.address) as connection:
            session = connection.session
            assert mecai.verdict(connection).until == until
        # What else would do is time alone, so that is what is waited for.
        deadline = time.monotonic() + 30
        with pytest.raises(mecai.VoucherError) as caught:
            while time.monotonic() < deadline:
                begun = datetime.now(timezone.utc)
                try:
                    with connected(context, server.address, session=session) as connection:
                        # Their last second is one of theirs.
                        assert connection.session_reused and begun < until + timedelta(seconds=1)
                        resumed += 1
                except ssl.SSLError as error:
                    # The session ended while it was being offered, which ends the connection before it begins.
                    if error.reason != "CALLBACK_FAILED":
                        raise
        assert resumed > 0 and datetime.now(timezone.utc) > until
        assert caught.value.code in ("no_voucher", "expired"), caught.value
