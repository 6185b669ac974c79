"""`python -m mecai`: what this interpreter makes of a server, and whether MECAI is at work in it."""

from __future__ import annotations

import argparse
import ipaddress
import json
import re
import sys

from . import _check
from ._check import Target
from ._tls._status import status

_HTTPS = 443
_HIGHEST_PORT = 65535
_LONGEST_WAIT = 3600.0
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.IGNORECASE)


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; its exit code."""
    given = _parser().parse_args(arguments)
    if given.command == "status":
        return _status(given.json)
    host, port = given.target
    # None is as if it were not given.
    keys = ("authorities", "authorities_keys", "mode", "candidates", "quorum", "region", "addresses", "state")
    settings = {key: getattr(given, key) for key in keys}
    return _check.check(Target(host, port, given.address), settings, given.cafile, given.timeout, given.json)


def _status(as_json: bool) -> int:
    found = status()
    if as_json:
        print(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        print(found)
    return _check.DONE if found.unsupported is None else _check.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m mecai", description="MECAI in this interpreter.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check",
        allow_abbrev=False,
        help="connect to a server and explain the verdict",
        description="Connects to a server by this interpreter's ssl, and explains what its vouchers are worth.",
        epilog="Exit status 0: accepted or exempt; 1: no handshake; 2: wrong usage or settings; 4: refused; 5: refused "
        "for want of vouchers.",
    )
    check.add_argument("target", metavar="HOST[:PORT]", type=_target, help="a name or an address, and a port (443)")
    check.add_argument("--authorities", required=True, metavar="FILE", help="the authority list")
    check.add_argument(
        "--authorities-keys", "--keys", required=True, metavar="TEXT", help='who must have signed it: "M of KEY, KEY"'
    )
    check.add_argument("--mode", choices=("require", "opportunistic", "observe"), help="require")
    check.add_argument("--candidates", type=int, metavar="NUMBER", help="how many operators are picked (4)")
    check.add_argument("--quorum", type=int, metavar="NUMBER", help="how many of them must have vouched (2)")
    check.add_argument("--region", metavar="WORD", help="pick authorities of this region")
    check.add_argument("--addresses", choices=("note", "require", "ignore"), help="note")
    check.add_argument("--state", metavar="DIR", help="the state directory: secret of the pick, highest list sequence")
    check.add_argument("--cafile", "--ca-file", metavar="FILE", help="trust these roots (PEM) instead of the system's")
    check.add_argument("--address", "--connect", type=_address, metavar="IP", help="connect there, whatever DNS says")
    check.add_argument("--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="give up after so long (10)")
    check.add_argument("--json", action="store_true", help="write JSON")
    state = commands.add_parser("status", allow_abbrev=False, help="whether MECAI can be, and is, at work here")
    state.add_argument("--json", action="store_true", help="write JSON")
    return parser


def _target(text: str) -> tuple[str, int]:
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            raise argparse.ArgumentTypeError(f"{text!r} has no port after its bracket")
        return _host(name, is_address=True), _port(rest[1:]) if rest else _HTTPS
    name, colon, port = text.partition(":")
    if ":" in port:
        return _host(text, is_address=True), _HTTPS
    return _host(name, is_address=False), _port(port) if colon else _HTTPS


def _host(text: str, is_address: bool) -> str:
    try:
        address = ipaddress.ip_address(text)
        return str(getattr(address, "ipv4_mapped", None) or address)
    except ValueError:
        name = text.removesuffix(".").lower()
        if is_address or _HOST.fullmatch(name) is None:
            raise argparse.ArgumentTypeError(f"{text!r} is neither a host name in A-labels nor an address") from None
        return name


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to {_HIGHEST_PORT}")
    return int(text)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds <= _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not more than 0 and at most {_LONGEST_WAIT:.0f} seconds")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
