"""`python -m mecai check`: one handshake by this interpreter's own `ssl`, judged and explained."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from typing import Any

from ._errors import Error
from ._tls._context import create_default_context
from ._tls._peer import verdict
from ._tls._refusal import refusal
from ._vouching._list import AuthorityList
from ._vouching._verdict import Verdict

DONE, FAILED, USAGE, REFUSED, NO_VOUCHER = 0, 1, 2, 4, 5


@dataclass(frozen=True)
class Target:
    """A server: the host that is meant, its port, and where to find it if not by its name."""

    host: str
    port: int
    address: str | None


@dataclass(frozen=True)
class Found:
    """What came of a handshake: a verdict, or why there is none."""

    verdict: Verdict | None
    error: str | None
    exit_code: int
    peer: str | None = None
    version: str | None = None


def check(target: Target, settings: dict[str, Any], cafile: str | None, timeout: float, as_json: bool) -> int:
    """Connects, prints what came of it, and gives the exit code."""
    try:
        context = create_default_context(cafile=cafile, **settings)
    except (Error, ValueError) as error:
        return _wrong_usage(str(error))
    except OSError as error:
        return _wrong_usage(f"--cafile {cafile}: {error.strerror or error}")
    context.port = target.port
    found = _look(target, context, time.monotonic() + timeout)
    if as_json:
        print(json.dumps(_members(target, found), ensure_ascii=False, indent=2))
    else:
        names = _names(settings["authorities"], settings["authorities_keys"])
        print("\n".join(_lines(target, found, names)))
    return found.exit_code


def _wrong_usage(sentence: str) -> int:
    print(f"mecai: {sentence}", file=sys.stderr)
    return USAGE


def _look(target: Target, context: ssl.SSLContext, deadline: float) -> Found:
    peer: str | None = None
    try:
        place = (target.address or target.host, target.port)
        with socket.create_connection(place, max(deadline - time.monotonic(), 0.001)) as plain:
            peer = "{} port {}".format(*plain.getpeername())
            plain.settimeout(max(deadline - time.monotonic(), 0.001))
            with context.wrap_socket(plain, server_hostname=target.host) as connection:
                judged = verdict(connection)
                return Found(judged, None, _exit_code(judged), peer, connection.version())
    except (OSError, ValueError, Error) as error:
        refused = refusal(error)
        if refused is not None:
            return Found(refused.verdict, None, _exit_code(refused.verdict), peer)
        if isinstance(error, ssl.SSLCertVerificationError):
            return Found(None, f"the certificate is not trusted: {error.verify_message}", REFUSED, peer)
        return Found(None, str(error) or type(error).__name__, FAILED, peer)


def _exit_code(judged: Verdict) -> int:
    if judged.outcome in ("accepted", "exempt"):
        return DONE
    if judged.outcome == "not_judged":
        return FAILED
    return NO_VOUCHER if judged.code == "no_voucher" else REFUSED


def _members(target: Target, found: Found) -> dict[str, Any]:
    return {
        "host": target.host,
        "port": target.port,
        "peer": found.peer,
        "tls": found.version,
        "verdict": None if found.verdict is None else found.verdict.to_dict(),
        "error": found.error,
    }


def _names(authorities: str, keys: str) -> dict[bytes, str]:
    """The operators' names, by the ids of their authorities; none if the list is no longer what it was."""
    try:
        operators = AuthorityList.load(authorities, keys).operators
    except (Error, OSError):
        return {}
    return {authority.id: operator.name for operator in operators for authority in operator.authorities}


def _lines(target: Target, found: Found, names: dict[bytes, str]) -> list[str]:
    where = "" if found.peer is None else f" at {found.peer}"
    how = "" if found.version is None else f", {found.version}"
    lines = [f"{target.host} port {target.port}{where}{how}", ""]
    judged = found.verdict
    if judged is None:
        return [*lines, f"no verdict: {found.error}"]
    lines += [judged.explanation, f"  outcome  {judged.outcome}", f"  code     {judged.code}"]
    if judged.outcome not in ("accepted", "exempt") and judged.advice:
        lines.append(f"  to do    {judged.advice}")
    lines += [f"  note     {note}" for note in judged.notes]
    if judged.alternate is not None:
        used = "used" if judged.alternate.used else "not used"
        lines.append(f"  alternate {used}: {judged.alternate.explanation}")
    for number, bundle in enumerate(judged.bundles, 1):
        about = bundle.statement
        addresses = ", ".join(map(str, about.addresses))
        lines += [
            "",
            f"vouchers {number}: {about.host} port {about.port}, seen at {addresses}",
            f"  certificate  {about.certificate.hex()}",
            f"  produced     {about.produced_at:%Y-%m-%dT%H:%M:%SZ}, good until {about.not_after:%Y-%m-%dT%H:%M:%SZ}",
        ]
        for endorsement in bundle.endorsements:
            identifier = endorsement.authority
            lines.append(f"  vouched      {names.get(identifier, 'nobody in the list')} ({identifier.hex()})")
    return lines
