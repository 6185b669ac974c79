"""The files of tests/vectors: octets and handshakes, and what a reader that follows docs/spec.md makes of them. A
member that a test does not know fails, so that nothing goes untested unnoticed."""

from __future__ import annotations

import json
from typing import Any

from programs import ROOT

DIRECTORY = ROOT / "tests/vectors"


def load(name: str, *tables: str) -> dict[str, Any]:
    """A file, which has these tables and no others."""
    file: dict[str, Any] = json.loads((DIRECTORY / f"{name}.json").read_text())
    assert file["format"] == f"mecai-vectors/{name}/1"
    known(file, "format", "cases", *tables)
    return file


def cases(file: dict[str, Any], *members: str) -> list[dict[str, Any]]:
    """Its cases, which have these members and no others beside those of every case; some may be left out."""
    for case in file["cases"]:
        known(case, "name", "spec", "expect", "assumption", *members)
    found: list[dict[str, Any]] = file["cases"]
    assert found
    return found


def known(table: dict[str, Any], *members: str) -> None:
    """That a table has no member but these."""
    unknown = table.keys() - members
    assert not unknown, f"{table.get('name', table)}: nobody reads {sorted(unknown)}"


HANDSHAKE = (
    "now",
    "chain",
    "chain_trusted",
    "dane",
    "reference_identities",
    "sni",
    "peer",
    "port",
    "list",
    "lowest_sequence",
    "secret",
    "machine_id",
    "remembered",
    "answer",
    "policy",
)
"""The members of a case of verify.json, and of failover.json but one."""
POLICY = ("mode", "candidates", "quorum", "region", "addresses", "exempt", "local_roots")
EXPECT = ("outcome", "code", "alarm", "notes", "good_until", "reported", "remembered")
