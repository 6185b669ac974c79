"""Handshakes of the vectors, judged by `mecai.Verifier`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import mecai
import vectors
from publicsuffixlist import PublicSuffixList

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SUFFIXES = PublicSuffixList(accept_unknown=True)


class File:
    """verify.json or failover.json."""

    def __init__(self, name: str, *more: str) -> None:
        self._file = vectors.load(name, "codes", "lists", "chains")
        self.cases = vectors.cases(self._file, *vectors.HANDSHAKE, *more)
        self.codes: dict[str, int] = self._file["codes"]
        for table in self._file["lists"].values():
            vectors.known(table, "file", "signatures", "public_keys", "required")
        for case in self.cases:
            vectors.known(case["policy"] or {}, *vectors.POLICY)
            vectors.known(case["expect"] or {}, *vectors.EXPECT, *more)

    def chain(self, name: str) -> list[bytes]:
        return [bytes.fromhex(der) for der in self._file["chains"][name]]

    def list(self, name: str, lowest_sequence: int) -> mecai.AuthorityList:
        table = self._file["lists"][name]
        keys = f"{table['required']} of {', '.join(table['public_keys'])}"
        json, signatures = str.encode(table["file"]), table["signatures"] or ""
        return mecai.AuthorityList.read(json, signatures, keys, lowest_sequence=lowest_sequence)


class Case:
    """One handshake, and a state directory with the hosts that it begins with."""

    def __init__(self, file: File, case: dict[str, Any], directory: Path) -> None:
        self._file = file
        self.given = case
        self.policy = case["policy"]
        self._directory = directory
        directory.mkdir(mode=0o700)
        for host, promise in case["remembered"].items():
            path = directory / "hosts" / _domain(host) / host
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{promise['produced_at']} {promise['until']}\n")

    @cached_property
    def verifier(self) -> mecai.Verifier:
        given, policy = self.given, self.policy
        secret, has_secret = given["secret"], given["secret"] is not None and given["machine_id"] is not None
        wanted = mecai.Policy(
            mode=policy["mode"],
            candidates=policy["candidates"],
            quorum=policy["quorum"],
            region=policy["region"],
            addresses=policy["addresses"],
            exempt=policy["exempt"],
            local_roots=[bytes.fromhex(root) for root in policy["local_roots"]],
            failover=given.get("failover", {}).get("asked", True),
        )
        return mecai.Verifier(
            self._file.list(given["list"], given["lowest_sequence"]),
            wanted,
            secret=bytes.fromhex(secret) if has_secret else None,
            machine_id=given["machine_id"] if has_secret else None,
            # A state has a secret of its own: without one, there is none.
            state=self._directory if has_secret else None,
            reports=False,
        )

    def shown(self) -> dict[str, Any]:
        """The arguments of `Verifier.verify`."""
        return self.shown_of(self._file, self.given)

    @staticmethod
    def shown_of(file: File, given: dict[str, Any]) -> dict[str, Any]:
        """The same of any case."""
        own = "accepted"
        if not given["chain_trusted"]:
            own = "no_trusted_root" if given.get("failover", {}).get("no_trusted_root") else "refused"
        elif given["dane"]:
            own = "dane"
        return {
            "chain": file.chain(given["chain"]),
            "host": given["reference_identities"],
            "sni": given["sni"],
            "peer": given["peer"],
            "port": given["port"],
            "vouchers": None if given["answer"] is None else bytes.fromhex(given["answer"]),
            "now": given["now"],
            "own": own,
        }

    def hosts(self) -> dict[str, Any]:
        """Those whose promise has not ended."""
        found: dict[str, Any] = {}
        for path in self._directory.glob("hosts/*/*"):
            produced_at, until = (int(number) for number in path.read_text().split())
            if self.given["now"] <= until:
                found[path.name] = {"produced_at": produced_at, "until": until}
        return found

    def told(self, verdict: mecai.Verdict) -> dict[str, Any]:
        """A verdict as the vectors have it."""
        assert verdict.accepted == (verdict.outcome == "accepted") == (verdict.code == "accepted")
        assert verdict.number == self._file.codes[verdict.code]
        assert verdict.at == EPOCH + timedelta(seconds=self.given["now"])
        return {
            "outcome": verdict.outcome,
            "code": verdict.code,
            "alarm": verdict.alarm,
            "notes": sorted(verdict.notes),
            "good_until": None if verdict.until is None else (verdict.until - EPOCH) // timedelta(seconds=1),
            "reported": verdict.report is not None,
            "remembered": self.hosts(),
        }


def _domain(host: str) -> str:
    return _SUFFIXES.privatesuffix(host) or host

