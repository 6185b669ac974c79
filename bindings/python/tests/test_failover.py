"""A site whose own certificate nobody vouches for is reached by its alternate, in the same connection."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mecai
import pki
import pytest
from clients import CLIENTS, Client
from cryptography.hazmat.primitives.asymmetric import ec
from nginx import Nginx
from world import ADDRESS, HOST, OWNER, World

pytestmark = pytest.mark.every_interpreter

OTHER = "operator-e"

every_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


@dataclass
class Site:
    """A server, the certificate that it shows first, and its alternate on the same key."""

    first: pki.Issued
    alternate: pki.Issued
    port: int

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/kilobyte"


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[Site]:
    """All others vouch for the alternate, and nobody for the first."""
    with serve(world, world.others(OTHER)) as nginx:
        yield nginx.site


@pytest.fixture(scope="module")
def badly_vouched(world: World) -> Iterator[Site]:
    """The alternate has the vouchers of its own operator alone, which count for nothing."""
    with serve(world, [OTHER]) as nginx:
        yield nginx.site


class Serving(Nginx):
    site: Site


def serve(world: World, vouching: list[str]) -> Serving:
    first = world.issue([HOST], OWNER)
    alternate = world.issue([HOST], OTHER, pki.load_key(first.key))
    directory = world.fresh("store")
    store = mecai.Store(directory)
    store.set_alternate(first.der, alternate.chain_der)
    assert store.add(first.der, [world.vouch(alternate.der, vouching)]) == 0
    for path in directory.iterdir():
        path.chmod(0o644)
    conf = world.server_conf(directory)
    nginx = Serving(world.fresh("failover"), ADDRESS, first.chain, first.key, openssl_conf=conf)
    nginx.site = Site(first, alternate, nginx.port)
    return nginx


def context_of(world: World, state: Path, **settings: Any) -> ssl.SSLContext:
    return mecai.create_default_context(cafile=str(world.roots), **world.settings(state), **settings)


@every_client
def test_every_client_is_let_in_by_the_alternate(client: Client, world: World, site: Site, tmp_path: Path) -> None:
    verdict = client.visit(site.url, context_of(world, tmp_path / "state"))
    assert verdict.accepted and verdict.chain == (OTHER,), verdict
    assert verdict.alternate is not None and verdict.alternate.used
    assert verdict.alternate.code == "no_voucher"
    # Whoever shows a certificate that nobody vouches for is reported, accepted or not.
    assert verdict.report is not None


@every_client
def test_every_client_refuses_without_failover(client: Client, world: World, site: Site, tmp_path: Path) -> None:
    with pytest.raises(client.exception()) as caught:
        client.visit(site.url, context_of(world, tmp_path / "state", failover=False))
    refusal = mecai.refusal(caught.value)
    assert refusal is not None and refusal.verdict.code == "no_voucher" and refusal.verdict.alternate is None


@every_client
def test_an_alternate_without_vouchers_of_others_saves_nobody(
    client: Client, world: World, badly_vouched: Site, tmp_path: Path
) -> None:
    with pytest.raises(client.exception()) as caught:
        client.visit(badly_vouched.url, context_of(world, tmp_path / "state"))
    refusal = mecai.refusal(caught.value)
    assert refusal is not None and refusal.verdict.refused
    assert refusal.verdict.alternate is not None and not refusal.verdict.alternate.used


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_program_sees_the_alternate(version: ssl.TLSVersion, world: World, site: Site, tmp_path: Path) -> None:
    context = context_of(world, tmp_path / "state")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection((ADDRESS, site.port)) as plain:
        with context.wrap_socket(plain, server_hostname=HOST) as connection:
            alternate = mecai.verdict(connection).alternate
            assert alternate is not None and alternate.used
            assert connection.getpeercert(True) == site.alternate.der
            certificate = connection.getpeercert()
    assert certificate is not None
    assert "('organizationName', 'Operator E')" in str(certificate["issuer"]), certificate


def test_both_certificates_are_on_one_key(site: Site) -> None:
    keys = [issued.certificate.public_key() for issued in (site.first, site.alternate)]
    assert all(isinstance(key, ec.EllipticCurvePublicKey) for key in keys) and keys[0] == keys[1]
    assert site.first.der != site.alternate.der
