"""The world is what the other tests take it for."""

from __future__ import annotations

import ssl
import urllib.request
from pathlib import Path

import programs
from nginx import PAGES
from world import ADDRESS, HOST, OWNER, World


def test_both_servers_show_the_same_certificate_under_the_same_name(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.roots))
    with urllib.request.urlopen(world.url, context=context) as response:
        assert response.read() == b"Welcome to www.shop.example\n"
    with urllib.request.urlopen(world.unvouched_url, context=context) as response:
        assert response.read() == PAGES["kilobyte"]
    ports = (world.port, world.unvouched.port)
    assert len({ssl.get_server_certificate((HOST, port), ca_certs=str(world.roots)) for port in ports}) == 1


def test_curl_with_the_module_tells_them_apart(world: World, tmp_path: Path) -> None:
    environment = {"OPENSSL_CONF": str(world.client_conf(tmp_path / "state"))}
    for url, port, status in [(world.url, world.port, 0), (world.unvouched_url, world.unvouched.port, 60)]:
        result = programs.run(
            ["curl", "-sS", "--cacert", str(world.roots), "--resolve", f"{HOST}:{port}:{ADDRESS}", url], environment
        )
        assert result.returncode == status, result.stderr


def test_a_bundle_signed_here_counts_like_the_agents(world: World, tmp_path: Path) -> None:
    issued = world.issue([HOST], OWNER)
    bundle = world.vouch(issued.der, world.others())
    path = tmp_path / "bundle.der"
    path.write_bytes(bundle)
    shown = programs.output(programs.run([programs.MECAI, "show", "--authorities", str(world.authorities), str(path)]))
    assert all(operator.replace("operator-", "operator ") in shown.lower() for operator in world.others()), shown


def test_a_script_sees_names_facts_and_warnings(world: World, tmp_path: Path) -> None:
    script = "import socket\nprint(socket.getaddrinfo(HOST, PORT)[0][4])"
    assert programs.output(programs.python(world.facts(), script, tmp_path)) == f"{(ADDRESS, world.port)}\n"
    result = programs.python(world.facts(), "import warnings\nwarnings.warn('so')", tmp_path)
    assert result.returncode == 1 and "UserWarning: so" in result.stderr
