"""extension.json: the framing of the answers and of the candidates (section 5)."""

from reference import extension
from reference.codes import Refused
from reference.extension import u16, vector

A, B, C = b"\xaa", b"\xbb\xbb", b"\xcc" * 3
TORN = {"code": "answer_malformed"}
LARGE = {"code": "answer_too_large"}
ALTERNATE_TORN = {"code": "alternate_malformed"}
ALTERNATE_LARGE = {"code": "alternate_too_large"}


def document():
    return {"format": "mecai-vectors/extension/1", "cases": vouchers() + alternates() + staged() + candidates()}


def outcome(case, tables):
    try:
        return DECODERS[case["extension"]](bytes.fromhex(case["octets"]))
    except Refused as refused:
        of_alternate = case["extension"] == "0xff4e"
        return {"code": refused.code.replace("answer_", "alternate_") if of_alternate else refused.code}


def _hexed(octets):
    return [one.hex() for one in octets]


def _alternate(octets):
    chain, bundles = extension.decode_alternate(octets)
    return {"chain": _hexed(chain), "bundles": _hexed(bundles)}


DECODERS = {
    "0xff4d": lambda octets: {"bundles": _hexed(extension.decode_vouchers(octets))},
    "0xff4e": _alternate,
    "0xff4f": lambda octets: {
        "staged": [
            {"chain": _hexed(chain), "key_proof": proof.hex()} for chain, proof in extension.decode_staged(octets)
        ]
    },
    "0xff50": lambda octets: {"candidates": _hexed(extension.decode_candidates(octets))},
}


def case(name, kind, octets, expect, assumption=None):
    made = {"name": name, "spec": "5", "extension": kind, "octets": octets.hex()}
    return made | ({"assumption": assumption} if assumption else {}) | {"expect": expect}


def vouchers():
    def one(name, octets, expect):
        return case("vouchers_" + name, "0xff4d", octets, expect)

    def good(name, octets, *bundles):
        return one(name, octets, {"bundles": _hexed(bundles)})

    right = bytes.fromhex("0003 0001 aa")
    largest = b"\x5a" * (16_384 - 4)
    return [
        good("one_bundle", right, A),
        good("three_bundles", bytes.fromhex("000c 0001aa 0002bbbb 0003cccccc"), A, B, C),
        good("the_same_bundle_twice", bytes.fromhex("0006 0001aa 0001aa"), A, A),
        good("of_16384_octets", u16(16_382) + u16(16_380) + largest, largest),
        one("of_16385_octets", u16(16_383) + u16(16_381) + largest + b"\0", LARGE),
        one("of_16385_octets_and_torn", b"\0" * 16_385, LARGE),
        one("empty", b"", TORN),
        one("one_octet", b"\0", TORN),
        one("no_bundle", u16(0), TORN),
        one("no_bundle_and_a_trailing_octet", b"\0\0\0", TORN),
        one("empty_bundle", bytes.fromhex("0002 0000"), TORN),
        one("empty_bundle_after_a_good_one", bytes.fromhex("0005 0001aa 0000"), TORN),
        one("trailing_octet", right + b"\0", TORN),
        one("trailing_octet_within", bytes.fromhex("0004 0001aa 00"), TORN),
        one("cut_by_one", right[:-1], TORN),
        one("outer_length_too_long", bytes.fromhex("0004 0001aa"), TORN),
        one("outer_length_too_short", bytes.fromhex("0002 0001aa"), TORN),
        one("inner_length_too_long", bytes.fromhex("0003 0002aa"), TORN),
        one("inner_length_65535", bytes.fromhex("0003 ffffaa"), TORN),
        one("second_length_cut", bytes.fromhex("0004 0001aa 00"), TORN),
        one("without_the_outer_length", bytes.fromhex("0001aa"), TORN),
    ]


def alternates():
    def one(name, octets, expect):
        return case("alternate_" + name, "0xff4e", octets, expect)

    def good(name, octets, chain, bundles):
        return one(name, octets, {"chain": _hexed(chain), "bundles": _hexed(bundles)})

    chain = vector(vector(A), vector(B))
    large = b"\x5a" * (16_384 - 6)
    return [
        good("chain_and_bundle", bytes.fromhex("0007 0001aa 0002bbbb 0005 0003cccccc"), [A, B], [C]),
        good("without_bundles", chain + u16(0), [A, B], []),
        good("two_bundles", chain + vector(vector(A), vector(C)), [A, B], [A, C]),
        good("of_16384_octets", vector(vector(large)) + u16(0), [large], []),
        one("of_16385_octets", vector(vector(large + b"\0")) + u16(0), ALTERNATE_LARGE),
        one("empty", b"", ALTERNATE_TORN),
        one("without_chain", u16(0) + vector(vector(C)), ALTERNATE_TORN),
        one("empty_certificate", vector(u16(0)) + u16(0), ALTERNATE_TORN),
        one("empty_bundle", chain + vector(u16(0)), ALTERNATE_TORN),
        one("bundles_missing", chain, ALTERNATE_TORN),
        one("bundles_length_cut", chain + b"\0", ALTERNATE_TORN),
        one("trailing_octet", chain + u16(0) + b"\0", ALTERNATE_TORN),
        one("certificate_over_its_end", u16(4) + u16(3) + b"\xaa\xaa" + u16(0), ALTERNATE_TORN),
        one("is_an_answer_of_vouchers", vector(vector(A)), ALTERNATE_TORN),
    ]


def staged():
    def one(name, octets, expect):
        return case("staged_" + name, "0xff4f", octets, expect)

    def good(name, octets, *pairs):
        listed = [{"chain": _hexed(chain), "key_proof": proof.hex()} for chain, proof in pairs]
        return one(name, octets, {"staged": listed})

    first = vector(vector(A), vector(B)) + vector(C)
    large = b"\x5a" * 20_000
    return [
        good("one", bytes.fromhex("000e 0007 0001aa 0002bbbb 0003cccccc"), ([A, B], C)),
        good("two", vector(first, vector(vector(C)) + vector(A)), ([A, B], C), ([C], A)),
        good("of_20013_octets_has_no_limit_of_16384", vector(vector(vector(large)) + vector(C)), ([large], C)),
        one("empty", b"", TORN),
        one("none", u16(0), TORN),
        one("without_chain", vector(u16(0) + vector(C)), TORN),
        one("empty_certificate", vector(vector(u16(0)) + vector(C)), TORN),
        one("empty_key_proof", vector(vector(vector(A)) + u16(0)), TORN),
        one("key_proof_missing", vector(vector(vector(A))), TORN),
        one("trailing_octet", vector(first) + b"\0", TORN),
        one("trailing_octet_within", vector(first, b"\0"), TORN),
        one("second_cut", vector(first, vector(vector(A))), TORN),
    ]


def candidates():
    def short(*ids):
        content = b"".join(ids)
        return bytes([len(content)]) + content

    def one(name, octets, expect, assumption=None):
        return case("candidates_" + name, "0xff50", octets, expect, assumption)

    def good(name, *ids):
        return one(name, short(*ids), {"candidates": _hexed(ids)})

    ids = [number.to_bytes(8, "big") for number in range(32)]
    strictly = "`ascending` is strict: no id twice"
    return [
        good("one", ids[1]),
        good("two", ids[1], ids[2]),
        good("in_order_of_octets", b"\x7f" + bytes(7), b"\x80" + bytes(7)),
        good("thirty_one", *ids[:31]),
        one("thirty_one_and_a_half", short(*ids[:31], bytes(4)), TORN),
        one("none", b"\0", TORN),
        one("empty", b"", TORN),
        one("of_seven_octets", short(bytes(7)), TORN),
        one("of_nine_octets", short(bytes(9)), TORN),
        one("descending", short(ids[2], ids[1]), TORN),
        one("twice_the_same", short(ids[1], ids[1]), TORN, strictly),
        one("trailing_octet", short(ids[1]) + b"\0", TORN),
        one("cut_by_one", short(ids[1])[:-1], TORN),
        one("without_the_length", ids[9], TORN),
        one("length_of_two_octets", vector(ids[1]), TORN),
        one("length_one_too_many", b"\x09" + ids[1], TORN),
    ]
