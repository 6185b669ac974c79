"""Mismatch reports: what a client tells of a handshake that was attacked, or seems so (docs/spec.md, section 10)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any

from mecai._native import ffi, lib

from .._library import _call
from .._library._value import Value

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True, repr=False)
class Report(Value):
    """A report. It never tells who the client is, nor whom it picked: of times it has the hour, of addresses the
    network."""

    code: str
    """What happened, as a verdict's code."""
    host: str
    """The name that the client meant."""
    hour: datetime
    peer: IPv4Network | IPv6Network | None
    """The network of the server's address, if that is known."""
    port: int | None
    region: str | None
    """The client's region, if it has set one."""
    chain: tuple[bytes, ...]
    """The certificates in DER, in the server's order."""
    bundles: tuple[bytes, ...]
    """The bundles as served; where the server's answer could not be read, that whole."""
    software: str
    file_name: str
    """The name of the file that holds it: one event, one name."""
    json: str
    """Its canonical form, which is what is submitted."""

    @classmethod
    def parse(cls, text: Buffer | str) -> Report:
        """Reads a report, which must be exactly what a client writes.

        Raises `FormatError` with the code "report".
        """
        octets = str.encode(text) if isinstance(text, str) else _call.octets(text, "text")
        return read_report(_call.new("mecai_report", lib.mecai_report_parse, octets, len(octets)))

    def to_dict(self) -> dict[str, Any]:
        """The members of its JSON."""
        members: dict[str, Any] = json.loads(self.json)
        return members

    def __repr__(self) -> str:
        return f"<Report of {self.code}, {self.host}, {self.hour:%Y-%m-%dT%H:%M:%SZ}>"


def read_report(handle: Any) -> Report:
    """The value of a mecai_report."""
    text, name = ffi.new("mecai_bytes *"), ffi.new("mecai_bytes *")
    _call.call(lib.mecai_report_json, handle, text, name)
    written = _call.text_of(text)
    members = json.loads(written)
    return Report(
        code=members["code"],
        host=members["host"],
        hour=datetime.fromisoformat(members["hour"].replace("Z", "+00:00")),
        peer=None if members["peer"] is None else ip_network(members["peer"]),
        port=members["port"],
        region=members["region"],
        chain=tuple(base64.b64decode(certificate) for certificate in members["chain"]),
        bundles=tuple(base64.b64decode(bundle) for bundle in members["bundles"]),
        software=members["software"],
        file_name=_call.text_of(name),
        json=written,
    )
