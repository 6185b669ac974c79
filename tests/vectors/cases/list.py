"""list.json: authority lists with their signatures (sections 6 and 8, checks 7 to 9)."""

import base64

from cryptography.hazmat.primitives import serialization

from reference import authority_list
from reference.codes import CLOCK_TOLERANCE, Refused

from . import world
from .world import LIST_SIGNERS, NOW, authority_entry, list_data, list_text, operator_entry

SMALL = ("a", "b", "c")


def document():
    cases = good() + signatures() + sequences() + times_of_lists() + forms() + members() + operators() + authorities()
    return {"format": "mecai-vectors/list/1", "cases": cases}


def outcome(case, tables):
    file = bytes.fromhex(case["file_hex"]) if "file_hex" in case else case["file"].encode()
    try:
        parsed = authority_list.load(
            file, case["signatures"], case["public_keys"], case["required"], case["lowest_sequence"]
        )
        if case["now"] > parsed.expires:
            raise Refused("list_expired")
        if parsed.issued > case["now"] + CLOCK_TOLERANCE:
            raise Refused("clock_behind")
    except Refused as refused:
        return {"code": refused.code}
    return {
        "sequence": parsed.sequence,
        "issued": parsed.issued,
        "expires": parsed.expires,
        "operators": [
            {
                "id": operator.id,
                "country": operator.country,
                "authorities": [{"id": one.id.hex(), "algorithm": one.algorithm} for one in operator.authorities],
            }
            for operator in parsed.operators
        ],
    }


# --- what is expected -----------------------------------------------------------------------------------------------

# Written down from `openssl pkey -pubout -outform DER | sha256sum` of the fixed keys.
IDS = {"a": "0557d900fc8d5ff1", "b": "de0356903063503c", "c": "51adc82a087ab46e"}
ISSUED, EXPIRES = 1_795_132_800, 1_797_724_800
SMALL_OPERATORS = [
    {"id": "operator-a", "country": "DE", "authorities": [{"id": IDS["a"], "algorithm": "P-256"}]},
    {"id": "operator-b", "country": "DE", "authorities": [{"id": IDS["b"], "algorithm": "P-384"}]},
    {"id": "operator-c", "country": "DE", "authorities": [{"id": IDS["c"], "algorithm": "Ed25519"}]},
]


def accepted(**differs):
    return {"sequence": 17, "issued": ISSUED, "expires": EXPIRES, "operators": SMALL_OPERATORS} | differs


MALFORMED = {"code": "list_malformed"}
UNSIGNED = {"code": "list_unsigned"}


# --- how a case is made ---------------------------------------------------------------------------------------------


def small(**differs):
    return list_data([operator_entry(letter) for letter in SMALL]) | differs


def case(name, expect, data, spec, signers=(0,), keys=(0,), required=1, lowest=0, now=NOW, assumption=None, **more):
    """`data`: a list to be written as JSON, or its text, or its octets."""
    text = list_text(data) if isinstance(data, dict) else data
    octets = text if isinstance(text, bytes) else text.encode()
    made = {"name": name, "spec": spec}
    made |= {"file_hex": octets.hex()} if isinstance(text, bytes) else {"file": text}
    made |= {
        "signatures": more.get("signatures", "".join(LIST_SIGNERS[n].sign(octets) for n in signers)),
        "public_keys": [LIST_SIGNERS[n].public for n in keys],
        "required": required,
        "lowest_sequence": lowest,
        "now": now,
    }
    if assumption:
        made["assumption"] = assumption
    return made | {"expect": expect}


def good():
    odd = list_text(small()).replace('"Operator A"', '"Op\\u0065rator \\ud83d\\ude00"').replace("\n", "\r\n\t")
    return [
        case("good", accepted(), small(), "6"),
        case("written_otherwise", accepted(), odd, "6"),
        case("members_in_another_order", accepted(), dict(reversed(small().items())), "6"),
    ]


def signatures():
    text = list_text(small())
    octets = text.encode()
    one, two, three = LIST_SIGNERS[:3]

    def signed(name, expect, signatures, keys=(0,), required=1, **more):
        return case(name, expect, text, "6 signature", keys=keys, required=required, signatures=signatures, **more)

    mine = one.sign(octets)
    lines = mine.splitlines()

    def with_line(number, line):
        return "\n".join([*lines[:number], line, *lines[number + 1 :]]) + "\n"

    flipped = bytearray(base64.b64decode(lines[1]))
    flipped[40] ^= 1
    renamed = bytearray(base64.b64decode(lines[1]))
    renamed[2] ^= 1
    unknown = b"EX" + base64.b64decode(lines[1])[2:]

    def b64(octets):
        return base64.b64encode(octets).decode()

    other = one.sign(octets.replace(b"Operator A", b"Operator X"))
    return [
        signed("legacy_signature", accepted(), one.sign(octets, legacy=True)),
        signed("no_signature_file", UNSIGNED, None),
        signed("empty_signature_file", UNSIGNED, ""),
        signed("signature_by_another_key", UNSIGNED, two.sign(octets)),
        signed("signature_over_another_list", UNSIGNED, other),
        signed("signature_with_a_flipped_bit", UNSIGNED, with_line(1, b64(flipped))),
        signed("signature_with_another_key_id", UNSIGNED, with_line(1, b64(renamed))),
        signed("signature_of_an_unknown_algorithm", UNSIGNED, with_line(1, b64(unknown))),
        signed("prehashed_signature_marked_as_legacy", UNSIGNED, with_line(1, b64(b"Ed" + unknown[2:]))),
        signed("trusted_comment_changed", UNSIGNED, with_line(2, "trusted comment: something else")),
        signed("trusted_comment_signature_flipped", UNSIGNED, with_line(3, b64(bytes(64)))),
        signed("untrusted_comment_without_its_words", UNSIGNED, with_line(0, "signature")),
        signed("trusted_comment_without_its_words", UNSIGNED, with_line(2, "mecai authority list")),
        signed("signature_of_63_octets", UNSIGNED, with_line(1, b64(base64.b64decode(lines[1])[:-1]))),
        signed("signature_not_base64", UNSIGNED, with_line(1, "*" * 100)),
        signed("signature_cut_after_three_lines", UNSIGNED, "\n".join(lines[:3]) + "\n"),
        signed("garbage_for_a_signature", UNSIGNED, "no minisign file\n"),
        signed("right_one_after_a_strangers", accepted(), two.sign(octets) + mine),
        signed("right_one_before_a_strangers", accepted(), mine + two.sign(octets)),
        signed("new_signature_beside_the_old_lists", accepted(), other + mine),
        signed("two_of_two", accepted(), mine + two.sign(octets), (0, 1), 2),
        signed("one_of_two", UNSIGNED, mine, (0, 1), 2),
        signed("two_of_three", accepted(), three.sign(octets) + one.sign(octets, legacy=True), (0, 1, 2), 2),
        signed("one_of_three_any", accepted(), three.sign(octets), (0, 1, 2), 1),
        signed("two_required_one_key_twice", UNSIGNED, mine + mine, (0, 1), 2),
        signed("two_required_one_key_in_both_variants", UNSIGNED, mine + one.sign(octets, legacy=True), (0, 1), 2),
        signed("two_required_one_and_a_strangers", UNSIGNED, mine + three.sign(octets), (0, 1), 2),
        signed("two_required_one_and_one_over_another_list", UNSIGNED, mine + two.sign(b"x"), (0, 1), 2),
        case("one_octet_changed_after_signing", UNSIGNED, text.replace("17", "18", 1), "6 signature", signatures=mine),
    ]


def sequences():
    return [
        case("sequence_one_higher", accepted(), small(), "6", lowest=16),
        case("sequence_the_same", accepted(), small(), "6", lowest=17),
        case("sequence_rolled_back", {"code": "list_rolled_back"}, small(), "6", lowest=18),
        case("sequence_0", accepted(sequence=0), small(sequence=0), "6"),
        case("sequence_largest", accepted(sequence=2**53 - 1), small(sequence=2**53 - 1), "6"),
        case("sequence_too_large", MALFORMED, small(sequence=2**53), "6"),
        case("sequence_negative", MALFORMED, small(sequence=-1), "6"),
        case("sequence_as_text", MALFORMED, small(sequence="17"), "6"),
        case("sequence_with_a_fraction", MALFORMED, small(sequence=17.5), "6"),
        case("sequence_true", MALFORMED, small(sequence=True), "6"),
    ]


def times_of_lists():
    late, early = {"code": "list_expired"}, {"code": "clock_behind"}

    def bad(what, **differs):
        return case("time_" + what, MALFORMED, small(**differs), "6")

    month = "2026-12-20T00:00:01Z"
    return [
        case("last_second", accepted(), small(), "8.8", now=EXPIRES),
        case("expired_a_second_ago", late, small(), "8.8", now=EXPIRES + 1),
        case("issued_300_s_ahead", accepted(), small(), "8.9", now=ISSUED - 300),
        case("issued_301_s_ahead", early, small(), "8.9", now=ISSUED - 301),
        case("lives_a_second", accepted(expires=ISSUED + 1), small(expires="2026-11-20T00:00:01Z"), "6", now=ISSUED),
        bad("30_days_and_a_second", expires=month),
        bad("expires_when_issued", expires="2026-11-20T00:00:00Z"),
        bad("expires_before_issued", expires="2026-11-19T23:59:59Z"),
        bad("with_an_offset", issued="2026-11-20T00:00:00+00:00"),
        bad("with_a_fraction", issued="2026-11-20T00:00:00.0Z"),
        bad("lower_case", issued="2026-11-20t00:00:00z"),
        bad("leap_second", issued="2026-11-19T23:59:60Z"),
        bad("day_that_is_none", issued="2026-11-31T00:00:00Z"),
        bad("date_alone", issued="2026-11-20"),
        bad("as_a_number", issued=ISSUED),
        bad("null", expires=None),
    ]


def forms():
    text = list_text(small())

    def bad(name, data):
        return case("form_" + name, MALFORMED, data, "6")

    return [
        bad("empty_file", ""),
        bad("not_json", "version: 1\n"),
        bad("array", "[" + text + "]"),
        bad("truncated", text[:-3]),
        bad("trailing_object", text + "{}"),
        bad("trailing_comma", text.rstrip()[:-1] + ",}"),
        bad("comment", text + "// signed by hand\n"),
        bad("not_utf8", text.replace("Operator A", "Op\u00e9rateur A").encode("latin-1")),
        bad("utf16", text.encode("utf-16")),
        bad("repeated_member", text.replace('"version": 1,', '"version": 1, "version": 1,')),
        bad("repeated_member_of_an_operator", text.replace('"country": "DE",', '"country": "DE", "country": "DE",', 1)),
        bad("not_a_number", text.replace('"sequence": 17', '"sequence": NaN')),
        bad("number_with_a_leading_zero", text.replace('"sequence": 17', '"sequence": 017')),
    ]


def members():
    def bad(name, data):
        return case("member_" + name, MALFORMED, data, "6")

    def without(member):
        return {key: value for key, value in small().items() if key != member}

    return [
        *[bad("missing_" + member, without(member)) for member in small()],
        bad("unknown", small(comment="hello")),
        bad("in_another_case", without("version") | {"Version": 1}),
        bad("version_2", small(version=2)),
        bad("version_as_text", small(version="1")),
        bad("operators_an_object", small(operators={})),
    ]


def operators():
    def with_a(**differs):
        return small(operators=[operator_entry("a") | differs, operator_entry("b"), operator_entry("c")])

    def bad(what, **differs):
        return case("operator_" + what, MALFORMED, with_a(**differs), "6")

    def without(member):
        entry = operator_entry("a")
        del entry[member]
        return small(operators=[entry, operator_entry("b"), operator_entry("c")])

    def named(identifier):
        changed = [SMALL_OPERATORS[0] | {"id": identifier}, *SMALL_OPERATORS[1:]]
        return accepted(operators=changed)

    key_a, key_b = (world.spki_hash(world.ca_key(f"{letter} root")).hex() for letter in "ab")
    va_b = world.spki_hash(world.authority_key("b")).hex()
    nobody = accepted(operators=[SMALL_OPERATORS[0] | {"authorities": []}, *SMALL_OPERATORS[1:]])
    return [
        case("operator_id_of_64", named("x" * 64), with_a(id="x" * 64), "6"),
        case("operator_id_of_hyphen_and_digit", named("-0"), with_a(id="-0"), "6"),
        case("operator_id_of_digits", named("59-a9"), with_a(id="59-a9"), "6"),
        case("operator_name_of_128", accepted(), with_a(name="\u00e9" * 128), "6"),
        case("operator_without_authorities", nobody, with_a(authorities=[]), "6"),
        *[case("operator_missing_" + member, MALFORMED, without(member), "6") for member in operator_entry("a")],
        bad("unknown_member", website="https://a.example/"),
        bad("id_empty", id=""),
        bad("id_of_65", id="x" * 65),
        bad("id_upper_case", id="Operator-a"),
        bad("id_with_a_dot", id="operator.a"),
        bad("id_repeated", id="operator-b"),
        bad("name_empty", name=""),
        bad("name_of_129", name="\u00e9" * 129),
        bad("country_lower_case", country="de"),
        bad("country_of_three", country="DEU"),
        bad("country_null", country=None),
        bad("without_ca_keys", ca_keys=[]),
        bad("ca_key_upper_case", ca_keys=[key_a.upper()]),
        bad("ca_key_too_short", ca_keys=[key_a[:-2]]),
        bad("ca_key_too_long", ca_keys=[key_a + "00"]),
        bad("ca_key_no_hex", ca_keys=["g" * 64]),
        bad("ca_key_as_number", ca_keys=[17]),
        bad("ca_key_of_another_operator", ca_keys=[key_a, key_b]),
        bad("ca_key_is_an_authoritys_key", ca_keys=[key_a, va_b]),
        bad("ca_key_is_its_own_authoritys_key", ca_keys=[world.spki_hash(world.authority_key("a")).hex()]),
        bad("authorities_null", authorities=None),
        case("too_many_operators", MALFORMED, many_operators(1001), "6"),
    ]


def many_operators(count):
    entries = []
    for number in range(count):
        entries.append(
            {"id": f"o{number}", "name": "O", "country": "DE", "ca_keys": [f"{number:064x}"], "authorities": []}
        )
    return list_text(list_data(entries)).replace("\n", "").replace("  ", "")


def authorities():
    def with_entry(**differs):
        return small(operators=[with_authorities(entry("a") | differs), operator_entry("b"), operator_entry("c")])

    def with_authorities(*entries):
        return operator_entry("a", authorities=list(entries))

    def entry(label):
        return authority_entry(label, "DE")

    def bad(what, **differs):
        return case("authority_" + what, MALFORMED, with_entry(**differs), "6")

    def expect(*listed):
        found = [{"id": one, "algorithm": algorithm} for one, algorithm in listed]
        return accepted(operators=[SMALL_OPERATORS[0] | {"authorities": found}, *SMALL_OPERATORS[1:]])

    def ok(name, *entries, expected=((IDS["a"], "P-256"),)):
        data = small(operators=[with_authorities(*entries), operator_entry("b"), operator_entry("c")])
        return case("authority_" + name, expect(*expected), data, "6")

    def missing(member):
        one = entry("a")
        del one[member]
        data = small(operators=[with_authorities(one), operator_entry("b"), operator_entry("c")])
        return case("authority_missing_" + member, MALFORMED, data, "6")

    pem = (
        world.authority_key("a")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    twice = small(operators=[with_authorities(entry("a"), entry("a")), operator_entry("b"), operator_entry("c")])
    shared = small(operators=[with_authorities(entry("b")), operator_entry("b"), operator_entry("c")])
    b64 = entry("a")["public_key"]
    return [
        ok("two", entry("a"), entry("a-2"), expected=((IDS["a"], "P-256"), ("4130ecdeea30811e", "P-256"))),
        ok("with_an_rsa_key", entry("a"), entry("rsa"), expected=((IDS["a"], "P-256"), ("7ec2c864d1ef5da8", None))),
        ok("with_a_p521_key", entry("p521"), expected=(("8a5a35a817bc01f4", None),)),
        ok("over_http", entry("a") | {"url": "http://va.a.example:8080/mecai/"}),
        ok("without_regions", entry("a") | {"regions": []}),
        ok("of_16_regions", entry("a") | {"regions": [f"R-{n}" for n in range(16)]}),
        ok("no_longer_valid", entry("a") | {"valid_until": "2026-02-01T00:00:00Z"}),
        *[missing(member) for member in entry("a")],
        bad("unknown_member", contact="x"),
        case("authority_twice", MALFORMED, twice, "6"),
        case("authority_of_two_operators", MALFORMED, shared, "6"),
        bad("key_empty", public_key=""),
        bad("key_no_base64", public_key="*" + b64[1:]),
        bad(
            "key_in_url_safe_base64_without_padding",
            public_key=b64.replace("+", "-").replace("/", "_").rstrip("=")[:-1],
        ),
        bad("key_cut_short", public_key=base64.b64encode(base64.b64decode(b64)[:-1]).decode()),
        bad("key_with_a_trailing_octet", public_key=base64.b64encode(base64.b64decode(b64) + b"\0").decode()),
        bad("key_in_pem", public_key=pem.decode()),
        bad("url_of_another_scheme", url="ftp://va.a.example/"),
        bad("url_relative", url="/v1"),
        bad("url_with_a_query", url="https://va.a.example/?x=1"),
        bad("url_with_a_fragment", url="https://va.a.example/#x"),
        bad("url_empty", url=""),
        bad("region_lower_case", regions=["eu"]),
        bad("region_empty", regions=[""]),
        bad("of_17_regions", regions=[f"R-{n}" for n in range(17)]),
        bad("regions_as_text", regions="EU"),
        bad("valid_from_without_time", valid_from="2026-01-01"),
        bad("valid_until_null", valid_until=None),
    ]
