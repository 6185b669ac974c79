"""Every handshake of the vectors gets its verdict, and every alternate; where Python has no such handshake, an error
that says the same."""

from __future__ import annotations

import ssl
from collections import Counter
from pathlib import Path
from typing import Any

import mecai
import pytest
import vectors
from handshakes import Case, File

pytestmark = pytest.mark.every_interpreter


def test_every_handshake_gets_its_verdict(tmp_path: Path) -> None:
    file = File("verify")
    counts: Counter[str] = Counter()
    for number, given in enumerate(file.cases):
        case = Case(file, given, tmp_path / str(number))
        why = _why_not(file, case, tmp_path)
        counts[why or "judged"] += 1
        if why is None:
            verdict = case.verifier.verify(**case.shown())
            assert case.told(verdict) == given["expect"], given["name"]
            _is_consistent(verdict, case)
    assert counts == {"judged": 309, "no policy": 11, "no list": 8, "list cannot be read": 4}


def test_every_alternate_gets_its_verdict(tmp_path: Path) -> None:
    file = File("failover", "failover")
    counts: Counter[str] = Counter()
    for number, given in enumerate(file.cases):
        vectors.known(
            given["failover"], "asked", "no_trusted_root", "tlsa", "answer", "verification", "chain"
        )
        case = Case(file, given, tmp_path / str(number))
        why = _why_not(file, case, tmp_path)
        counts[why or "judged"] += 1
        if why is None:
            verdict = _fail_over(file, case)
            assert {**case.told(verdict), "failover": _told(verdict)} == given["expect"], given["name"]
            _is_consistent(verdict, case)
    assert counts == {
        "judged": 204,
        "no policy": 4,
        "no list": 4,
        "list cannot be read": 6,
        "chain cannot be read": 2,
    }


def _why_not(file: File, case: Case, directory: Path) -> str | None:
    """Why Python has no such handshake, if it has none: what should have been given raises, and names the same
    cause."""
    given = case.given
    code = given["expect"] and given["expect"]["code"]
    if given["policy"] is None or given["policy"]["mode"] == "off":
        wrong: Any = "off" if given["policy"] else "rquire"
        with pytest.raises(mecai.SettingsError, match=f"mode is '{wrong}'"):
            mecai.Policy(mode=wrong)
        assert code in (None, "configuration", "chain_not_trusted")
        return "no policy"
    if given["list"] is None:
        with pytest.raises(FileNotFoundError):
            mecai.Verifier((directory / "none.json", "KEY"))
        return "no list"
    try:
        file.list(given["list"], given["lowest_sequence"])
    except mecai.FormatError as error:
        if code.startswith("list_"):
            assert error.code == code, given["name"]
        return "list cannot be read"
    if given["chain_trusted"] and not given["dane"]:
        try:
            case.verifier.verify(file.chain(given["chain"]), "host.example")
        except mecai.FormatError as error:
            assert error.code == "chain"
            return "chain cannot be read"
    return None


def _fail_over(file: File, case: Case) -> mecai.Verdict:
    given, shown = case.given["failover"], case.shown()

    def verification(offered: tuple[bytes, ...]) -> list[bytes]:
        assert offered
        verdict = given["verification"]
        if verdict == "accepted":
            return file.chain(given["chain"])
        error = ssl.SSLCertVerificationError(1, "refused")
        error.verify_code, error.verify_message = (62, "another name") if verdict == "wrong_name" else (19, verdict)
        raise error

    if given["tlsa"]:
        return case.verifier.verify(**shown)
    answer = None if given["answer"] is None else bytes.fromhex(given["answer"])
    return case.verifier.fail_over(answer, verification, **shown)


def test_a_program_says_why_it_refuses_an_alternate() -> None:
    file = File("failover", "failover")
    given = next(case for case in file.cases if case["name"] == "own_without_a_trusted_root")
    verifier = mecai.Verifier(file.list(given["list"], 0))

    def verification(offered: tuple[bytes, ...]) -> list[bytes]:
        raise ssl.SSLCertVerificationError("it is too new for me")

    answer = bytes.fromhex(given["failover"]["answer"])
    verdict = verifier.fail_over(answer, verification, **Case.shown_of(file, given))
    assert verdict.refused and verdict.alternate is not None
    assert (verdict.alternate.used, verdict.alternate.code) == (False, "alternate_not_trusted")
    assert "it is too new for me" in verdict.alternate.explanation

    def failing(offered: tuple[bytes, ...]) -> list[bytes]:
        raise OSError("of its own")

    with pytest.raises(OSError, match="of its own"):
        verifier.fail_over(answer, failing, **Case.shown_of(file, given))


def _told(verdict: mecai.Verdict) -> dict[str, Any]:
    alternate = verdict.alternate
    reported_as = verdict.report and verdict.report.code
    if alternate is None:
        return {"alternate": None, "cause": None, "reported_as": reported_as}
    assert verdict.explanation.endswith(f"{alternate.code}: {alternate.explanation}")
    if alternate.used:
        return {"alternate": verdict.code, "cause": alternate.code, "reported_as": reported_as}
    return {"alternate": alternate.code, "cause": None, "reported_as": reported_as}


def _is_consistent(verdict: mecai.Verdict, case: Case) -> None:
    given = case.given
    assert verdict.port == given["port"]
    assert (verdict.peer is None) == (given["peer"] is None)
    assert verdict.refused == (verdict.outcome == "refused")
    if verdict.accepted:
        assert verdict.vouched is not None and verdict.required is not None and verdict.sent is not None
        assert verdict.sent >= verdict.vouched >= verdict.required
        assert verdict.sent == sum(len(bundle.endorsements) for bundle in verdict.bundles)
        assert verdict.age is not None and verdict.newest is not None
        assert verdict.addresses and verdict.chain
    else:
        assert (verdict.vouched, verdict.until, verdict.age) == (None, None, None)
    if verdict.report is not None and not (verdict.alternate and verdict.alternate.used):
        assert verdict.report.host == (verdict.name or "").lower()
