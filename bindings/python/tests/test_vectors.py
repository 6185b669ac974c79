"""What the package reads, against the vectors: structures, answers, lists, reports, questions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import Any

import mecai
import pytest
import vectors
from mecai._fetching._request import PROTOCOLS, Request
from mecai._vouching._bundle import answer_bundles

pytestmark = pytest.mark.every_interpreter

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _seconds(time: datetime) -> int:
    return (time - EPOCH) // timedelta(seconds=1)


def _statement(value: mecai.Statement) -> dict[str, Any]:
    return {
        "host": value.host,
        "port": value.port,
        "addresses": [str(address) for address in value.addresses],
        "certificate": value.certificate.hex(),
        "produced_at": _seconds(value.produced_at),
        "not_after": _seconds(value.not_after),
        "stay": value.stay,
    }


def _endorsement(value: mecai.Endorsement, statement: mecai.Statement) -> dict[str, Any]:
    return {
        "authority": value.authority.hex(),
        "seen": [address in value.seen for address in statement.addresses],
        "source": {"ocsp": "ocsp", "crl": "crl", "short_lived": "shortLived"}[value.source],
        "age": None if value.age is None else value.age // timedelta(seconds=1),
        "signature": value.signature.hex(),
    }


def test_bundles_are_read() -> None:
    of_bundles = [case for case in _codec() if case["structure"] == "bundle"]
    expected = {case["expect"] for case in of_bundles}
    assert expected == {"ok", "malformed", "unknown_version", "too_long_lived"}
    for case in of_bundles:
        octets = bytes.fromhex(case["octets"])
        if case["expect"] != "ok":
            with pytest.raises(mecai.FormatError) as raised:
                mecai.Bundle.parse(octets)
            assert raised.value.code == case["expect"], case["name"]
            continue
        bundle = mecai.Bundle.parse(octets)
        told = {
            "statement": _statement(bundle.statement),
            "endorsements": [_endorsement(one, bundle.statement) for one in bundle.endorsements],
        }
        assert told == case["value"], case["name"]
        assert bytes(bundle) == octets


def _codec() -> list[dict[str, Any]]:
    return vectors.cases(vectors.load("codec"), "structure", "octets", "value", "addresses")


def test_questions_are_asked() -> None:
    table = vectors.load("verify", "codes", "lists", "chains")["lists"]["twelve"]
    authorities = mecai.AuthorityList.read(str.encode(table["file"]), table["signatures"], table["public_keys"][0])
    asked = 0
    for case in _codec():
        if case["structure"] != "request" or case["expect"] != "ok":
            continue
        about = case["value"]["statement"]
        statement = mecai.Statement(
            about["host"],
            about["port"],
            tuple(ip_address(address) for address in about["addresses"]),
            bytes.fromhex(about["certificate"]),
            EPOCH + timedelta(seconds=about["produced_at"]),
            EPOCH + timedelta(seconds=about["not_after"]),
            about["stay"],
        )
        request = Request(authorities, statement, PROTOCOLS[case["value"]["protocol"]], about["not_after"])
        assert {question.body.hex() for question in request.questions} == {case["octets"]}, case["name"]
        urls = [question.url for question in request.questions]
        assert urls[:2] == ["https://va.a.example/v1/endorsements", "https://va.b.example/v1/endorsements"]
        asked += 1
    assert asked >= 5


def test_answers_are_read() -> None:
    file = vectors.load("extension")
    numbers: set[str] = set()
    for case in vectors.cases(file, "extension", "octets"):
        numbers.add(case["extension"])
        if case["extension"] != "0xff4d":
            continue
        octets, expect = bytes.fromhex(case["octets"]), case["expect"]
        if "code" in expect:
            assert expect["code"] in ("answer_malformed", "answer_too_large")
            with pytest.raises(mecai.FormatError) as raised:
                mecai.Bundle.parse_answer(octets)
            assert raised.value.code == "answer", case["name"]
        else:
            # What is framed here is no bundle: that only comes to light when it is read.
            vectors.known(expect, "bundles")
            read = [bundle.hex() for bundle in answer_bundles(octets)]
            assert read == expect["bundles"], case["name"]
    assert numbers == {"0xff4d", "0xff4e", "0xff4f", "0xff50"}


def test_lists_are_read() -> None:
    file = vectors.load("list")
    members = ("file", "file_hex", "signatures", "public_keys", "required", "lowest_sequence", "now")
    codes: set[str] = set()
    for case in vectors.cases(file, *members):
        told = _read_list(case)
        expect = case["expect"]
        if "code" in expect:
            codes.add(expect["code"])
        assert told == expect, case["name"]
    assert {"list_malformed", "list_unsigned", "list_rolled_back", "list_expired"} <= codes


def _read_list(case: dict[str, Any]) -> dict[str, Any]:
    octets = str.encode(case["file"]) if "file" in case else bytes.fromhex(case["file_hex"])
    keys = f"{case['required']} of {', '.join(case['public_keys'])}"
    try:
        read = mecai.AuthorityList.read(octets, case["signatures"] or "", keys, lowest_sequence=case["lowest_sequence"])
    except mecai.FormatError as error:
        return {"code": error.code}
    # Checks 8 and 9 are those of a verdict.
    if case["now"] > _seconds(read.expires):
        return {"code": "list_expired"}
    if _seconds(read.issued) > case["now"] + 300:
        return {"code": "clock_behind"}
    operators = [
        {
            "id": operator.id,
            "country": operator.country,
            "authorities": [{"id": one.id.hex(), "algorithm": one.algorithm} for one in operator.authorities],
        }
        for operator in read
    ]
    assert len(read) == len(operators)
    return {
        "sequence": read.sequence,
        "issued": _seconds(read.issued),
        "expires": _seconds(read.expires),
        "operators": operators,
    }


def test_reports_are_read() -> None:
    members = ("verdict_code", "name_of_the_pick", "now", "peer", "port", "region", "software", "chain", "answer")
    for case in vectors.cases(vectors.load("report"), *members):
        expect = case["expect"]
        vectors.known(expect, "text", "file")
        for text in (expect["text"], str.encode(expect["text"])):
            report = mecai.Report.parse(text)
            assert report.json == expect["text"] and report.file_name == expect["file"], case["name"]
            assert report.code == case["verdict_code"]
            assert report.host == case["name_of_the_pick"].lower()
            assert report.hour == EPOCH + timedelta(hours=case["now"] // 3600)
            assert [one.hex() for one in report.chain] == case["chain"]
            assert (report.port, report.region) == (case["port"], case["region"])
            assert (report.peer is None) == (case["peer"] is None)
            assert (report.bundles == ()) == (case["answer"] is None)
        with pytest.raises(mecai.FormatError, match="canonical form") as raised:
            mecai.Report.parse(expect["text"] + " ")
        assert raised.value.code == "report"
