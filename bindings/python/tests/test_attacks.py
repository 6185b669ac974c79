"""A man in the middle with a certificate of a hacked operator, seen by Python programs; and answers that are none."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mecai
import ports
import programs
import pytest
import vouchers
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from peers import refused
from world import ADDRESS, HOST, World

pytestmark = pytest.mark.every_interpreter

versions = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


@contextmanager
def showing(world: World, chain: Path, key: Path, answer: bytes) -> Generator[tuple[str, int], None, None]:
    """OpenSSL's own server, which shows this answer to every question for vouchers; its address."""
    directory = world.fresh("showing")
    # Of ClientHello, TLS 1.2 ServerHello, TLS 1.3 Certificate; then the number of mecai_vouchers, and its length.
    block = (0x1180).to_bytes(4, "big") + (0xFF4D).to_bytes(2, "big") + len(answer).to_bytes(2, "big") + answer
    lines = ["-----BEGIN SERVERINFOV2 FOR MECAI-----", base64.encodebytes(block).decode().rstrip()]
    (directory / "serverinfo.pem").write_text("\n".join([*lines, "-----END SERVERINFOV2 FOR MECAI-----", ""]))
    with ports.hold(ADDRESS) as held:
        port: int = held.getsockname()[1]
        command = ["openssl", "s_server", "-www", "-accept", f"{ADDRESS}:{port}", "-key", str(key)]
        command += ["-cert", str(chain), "-cert_chain", str(chain), "-serverinfo", str(directory / "serverinfo.pem")]
        with programs.Server(command, (ADDRESS, port), directory / "log"):
            yield ADDRESS, port


def client(world: World, tmp_path: Path, version: ssl.TLSVersion, **settings: Any) -> mecai.SSLContext:
    context = mecai.create_default_context(cafile=str(world.roots), **world.settings(tmp_path / "state"), **settings)
    context.minimum_version = context.maximum_version = version
    return context


def genuine(world: World) -> bytes:
    """The answer of the site itself, which anybody can fetch."""
    site = x509.load_pem_x509_certificates(world.chain.read_bytes())[0].public_bytes(Encoding.DER)
    return vouchers.answer([world.vouch(site, world.others())])


@versions
def test_vouchers_of_another_certificate(world: World, tmp_path: Path, version: ssl.TLSVersion) -> None:
    forged = world.issue([HOST], "operator-b")
    seen: list[mecai.Report] = []
    context = client(world, tmp_path, version, on_mismatch=seen.append)
    with showing(world, forged.chain, forged.key, genuine(world)) as address:
        error = refused(context, address)
    verdict = error.verdict
    assert (error.code, verdict.alarm, verdict.chain) == ("wrong_certificate", True, ("operator-b",))
    assert isinstance(error, ssl.SSLCertVerificationError) and "wrong_certificate" in str(error)
    [bundle] = verdict.bundles
    assert bundle.statement.host == HOST
    # The evidence: who issued it, and what was shown beside it.
    [report] = seen
    assert report == verdict.report and report.code == "wrong_certificate"
    assert report.chain[0] == forged.der and report.bundles == (bundle.der,)


@versions
@pytest.mark.parametrize("answer", [b"", b"\0", b"\0\1", b"\xff" * 40], ids=["empty", "short", "cut off", "nonsense"])
@pytest.mark.parametrize("watched", [False, True], ids=["", "watched"])
def test_an_answer_that_breaks_the_syntax(
    watched: bool, answer: bytes, world: World, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    seen: list[mecai.Report] = []
    context = client(world, tmp_path, version, on_mismatch=seen.append if watched else None)
    with showing(world, world.chain, world.key, answer) as address:
        error = refused(context, address)
    # Not the error of a certificate for OpenSSL, but a refusal like any other for the program.
    assert isinstance(error.__cause__, ssl.SSLError)
    assert (error.reason, error.verify_code) == (error.__cause__.reason, 50)
    assert error.code == "answer_malformed" and error.verdict.refused and "answer_malformed" in str(error)


def test_too_few_vouchers(world: World, tmp_path: Path) -> None:
    site = x509.load_pem_x509_certificates(world.chain.read_bytes())[0].public_bytes(Encoding.DER)
    # His own authority vouches for him; of the others, one.
    answer = vouchers.answer([world.vouch(site, ["operator-a", "operator-b"])])
    with showing(world, world.chain, world.key, answer) as address:
        error = refused(client(world, tmp_path, ssl.TLSVersion.TLSv1_3), address)
    assert error.code == "suspicious_certificate" and error.verdict.alarm, error.verdict
    assert len(error.verdict.bundles[0].endorsements) == 2


