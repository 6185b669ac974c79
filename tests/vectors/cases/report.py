"""report.json: the canonical octets of mismatch reports, written out by hand (section 10)."""

import hashlib

from reference import report
from reference.extension import vector

from .world import HOST, NOW

ONE, TWO = b"\x01\x02\x03", b"\xff\xfe"  # base64: AQID, //4=
ANSWER = vector(vector(ONE), vector(TWO)).hex()

USUAL = (
    '{"bundles":["AQID","//4="],"chain":["MIIB","MAA="],"code":"suspicious_certificate","host":"www.shop.example",'
    '"hour":"2026-12-01T12:00:00Z","peer":"192.0.2.0/24","port":443,"region":null,"software":"mecai/0.1.0","version":1}'
)


def document():
    return {"format": "mecai-vectors/report/1", "cases": cases()}


def outcome(case, tables):
    text, file = report.report(case)
    return {"text": text, "file": file}


def case(name, text, assumption=None, **differs):
    made = {
        "name": name,
        "spec": "10",
        "verdict_code": "suspicious_certificate",
        "name_of_the_pick": HOST,
        "now": NOW + 1234,
        "peer": "192.0.2.10",
        "port": 443,
        "region": None,
        "software": "mecai/0.1.0",
        "chain": ["308201", "3000"],
        "answer": ANSWER,
    }
    assert set(differs) <= set(made), differs
    file = hashlib.sha256(text.encode()).hexdigest() + ".json"
    expect = {"text": text, "file": file}
    return made | differs | ({"assumption": assumption} if assumption else {}) | {"expect": expect}


def usual(*replacements):
    text = USUAL
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def cases():
    peer, bundles = "192.0.2.0/24", '["AQID","//4="]'
    reading = "an answer that does not follow its syntax stands whole in `bundles` wherever a report is written"
    return [
        case("alarm", usual()),
        case("same_hour_first_second", usual(), now=NOW),
        case("same_hour_last_second", usual(), now=NOW + 3599),
        case("next_hour", usual(("T12:", "T13:")), now=NOW + 3600),
        case("another_peer_of_the_prefix", usual(), peer="192.0.2.255"),
        case("another_prefix", usual((peer, "198.51.100.0/24")), peer="198.51.100.1"),
        case("peer_ipv6", usual((peer, "2001:db8::/48")), peer="2001:db8:0:1234::10"),
        case("peer_ipv6_prefix_with_a_third_group", usual((peer, "2001:db8:77::/48")), peer="2001:db8:77:1::1"),
        case("peer_ipv6_prefix_of_zeros", usual((peer, "::/48")), peer="::1"),
        case("peer_unknown", usual(('"192.0.2.0/24"', "null")), peer=None),
        case("port_unknown", usual(("443", "null")), port=None),
        case("region", usual(('"region":null', '"region":"EU"')), region="EU"),
        case(
            "accepted_at_another_address",
            usual(("suspicious_certificate", "address_not_seen")),
            verdict_code="address_not_seen",
        ),
        case(
            "no_answer",
            usual((bundles, "[]"), ("suspicious_certificate", "no_voucher")),
            verdict_code="no_voucher",
            answer=None,
        ),
        case(
            "answer_torn",
            usual((bundles, '["AAEC"]'), ("suspicious_certificate", "answer_malformed")),
            reading,
            verdict_code="answer_malformed",
            answer="000102",
        ),
        case("host_is_an_address", usual((HOST, "2001:db8::10")), name_of_the_pick="2001:db8::10"),
        case("another_version", usual(("0.1.0", "1.20.3")), software="mecai/1.20.3"),
    ]
