"""Endorsements and bundles: sections 3 and 4."""

from reference import der
from reference.der import tlv

from .codec_build import (
    AUTHORITY,
    ENDORSEMENT_VALUE,
    NOT_AFTER_S,
    SIGNATURE,
    STATEMENT_VALUE,
    V4,
    addresses,
    body,
    bundle,
    by,
    case,
    endorsement,
    integer,
    octet_string,
    statement,
    time,
)


def cases():
    return endorsements() + seen() + evidence() + bundles()


def good(name, spec, value=None, count=2, **parts):
    expected = ENDORSEMENT_VALUE | (value or {})
    return case(name, "endorsement", endorsement(**parts), "ok", spec, addresses=count, value=expected)


def bad(name, spec, count=2, octets=None, **parts):
    return case(name, "endorsement", octets or endorsement(**parts), "malformed", spec, addresses=count)


def endorsements():
    right = endorsement()
    return [
        good("good", "3"),
        bad("trailing_octet", "1", octets=right + b"\0"),
        bad("trailing_octet_inside", "1", end=b"\0"),
        bad("trailing_octet_inside_the_body", "1", **{"age": integer(3600) + b"\0"}),
        bad("truncated", "1", octets=right[:-1]),
        bad("without_signature", "3", signature=b""),
        bad("signature_as_bit_string", "3", signature=tlv(der.BIT_STRING, b"\0" + SIGNATURE)),
        good("signature_of_no_octets", "3", {"signature": ""}, signature=octet_string(b"")),
        good("signature_of_127_octets", "3", {"signature": "5a" * 127}, signature=octet_string(b"\x5a" * 127)),
        good("signature_of_128_octets", "3", {"signature": "5a" * 128}, signature=octet_string(b"\x5a" * 128)),
        bad(
            "signature_of_127_octets_with_length_in_long_form",
            "1",
            signature=tlv(der.OCTET_STRING, b"\x5a" * 127, length=b"\x81\x7f"),
        ),
        good("signature_of_255_octets", "3", {"signature": "5a" * 255}, signature=octet_string(b"\x5a" * 255)),
        bad(
            "signature_of_255_octets_with_length_in_two",
            "1",
            signature=tlv(der.OCTET_STRING, b"\x5a" * 255, length=b"\x82\x00\xff"),
        ),
        good("signature_of_256_octets", "3", {"signature": "5a" * 256}, signature=octet_string(b"\x5a" * 256)),
        good("signature_of_300_octets", "3", {"signature": "5a" * 300}, signature=octet_string(b"\x5a" * 300)),
        bad("authority_of_7_octets", "3", authority=octet_string(AUTHORITY[:7])),
        bad("authority_of_9_octets", "3", authority=octet_string(AUTHORITY + b"\0")),
        bad("body_is_a_set", "3", octets=tlv(der.SEQUENCE, tlv(0x31, body()[2:]), octet_string(SIGNATURE))),
    ]


def seen():
    def bits(octets):
        return {"seen": tlv(der.BIT_STRING, octets)}

    def values(text):
        return {"seen": [bit == "1" for bit in text]}

    spec = "3 seen"
    return [
        good("seen_first_only", spec, values("10"), **bits(b"\x06\x80")),
        good("seen_second_only", spec, values("01"), **bits(b"\x06\x40")),
        good("seen_of_one_address", spec, values("1"), count=1, **bits(b"\x07\x80")),
        good("seen_of_eight_addresses", spec, values("00000001"), count=8, **bits(b"\x00\x01")),
        good("seen_of_nine_addresses", spec, values("000000001"), count=9, **bits(b"\x07\x00\x80")),
        good("seen_of_sixteen_addresses", spec, values("1" * 16), count=16, **bits(b"\x00\xff\xff")),
        bad("seen_no_bit_set", spec, **bits(b"\x06\x00")),
        bad("seen_of_no_bits", spec, **bits(b"\x00")),
        bad("seen_without_content", spec, **bits(b"")),
        bad("seen_one_bit_too_few", spec, **bits(b"\x07\x80")),
        bad("seen_one_bit_too_many", spec, **bits(b"\x05\xc0")),
        bad("seen_an_octet_too_many", spec, **bits(b"\x06\xc0\x00")),
        bad("seen_an_unused_bit_set", spec, **bits(b"\x06\xc1")),
        bad("seen_only_an_unused_bit_set", spec, **bits(b"\x06\x20")),
        bad("seen_eight_unused_bits", spec, **bits(b"\x08\xc0")),
        bad("seen_unused_bits_of_nothing", spec, **bits(b"\x06")),
        bad("seen_constructed", "1", seen=tlv(0x23, tlv(der.BIT_STRING, b"\x06\xc0"))),
        bad("seen_as_octet_string", spec, seen=octet_string(b"\x06\xc0")),
        bad("seen_trailing_zeros_removed", spec, **bits(b"\x07\x80")),
    ]


def evidence():
    def source(octet, tag=der.ENUMERATED):
        return tlv(tag, bytes([octet]))

    short = source(2)
    spec = "3"
    return [
        good("source_crl", spec, {"source": "crl"}, source=source(1)),
        good("source_short_lived", spec, {"source": "shortLived", "age": None}, source=short, age=b""),
        bad("source_3", spec, source=source(3)),
        bad("source_minus_1", spec, source=source(255)),
        bad("source_as_integer", spec, source=source(0, der.INTEGER)),
        bad("source_with_a_leading_zero", "1", source=tlv(der.ENUMERATED, b"\0\1")),
        bad("source_short_lived_with_age", spec, source=short),
        bad("source_short_lived_with_age_0", spec, source=short, age=integer(0)),
        bad("source_ocsp_without_age", spec, age=b""),
        bad("source_crl_without_age", spec, source=source(1), age=b""),
        good("age_0", spec, {"age": 0}, age=integer(0)),
        good("age_864000", spec, {"age": 864_000}, age=integer(864_000)),
        bad("age_864001", spec, age=integer(864_001)),
        bad("age_minus_1", spec, age=integer(-1)),
        bad("age_with_a_leading_zero", "1", age=tlv(der.INTEGER, b"\0\x0e\x10")),
        bad("age_twice", spec, age=integer(3600) * 2),
    ]


def bundles():
    def good_bundle(name, octets, endorsed, stated=None, spec="4"):
        value = {"statement": STATEMENT_VALUE | (stated or {}), "endorsements": endorsed}
        return case(name, "bundle", octets, "ok", spec, value=value)

    def bad_bundle(name, octets, expect="malformed", spec="4"):
        return case(name, "bundle", octets, expect, spec)

    def numbered(*numbers):
        return [ENDORSEMENT_VALUE | {"authority": f"{number:016x}"} for number in numbers]

    right = bundle()
    assert right[1] == 0x81, "its length is in one octet"
    long = statement(not_after=time(b"20261202110001Z"))
    two = statement(version=integer(2))
    single = statement(addresses=addresses(V4))
    return [
        good_bundle("good", right, [ENDORSEMENT_VALUE]),
        good_bundle("two_endorsements", bundle(by(1), by(2)), numbered(1, 2)),
        good_bundle("authorities_in_order_of_octets", bundle(by(0x7F), by(0x80), by(0xFF)), numbered(0x7F, 0x80, 0xFF)),
        good_bundle("255_endorsements", bundle(*map(by, range(255))), numbered(*range(255))),
        bad_bundle("256_endorsements", bundle(*map(by, range(256)))),
        bad_bundle("no_endorsement", tlv(der.SEQUENCE, statement(), tlv(der.SEQUENCE))),
        bad_bundle("endorsements_missing", tlv(der.SEQUENCE, statement())),
        bad_bundle("authority_twice", bundle(by(1), by(1))),
        bad_bundle("authority_twice_with_different_signatures", bundle(by(1), by(1, signature=octet_string(b"")))),
        bad_bundle("authority_twice_not_side_by_side", bundle(by(1), by(2), by(1))),
        bad_bundle("authorities_descending", bundle(by(2), by(1))),
        bad_bundle("seen_for_another_number_of_addresses", bundle(of=single), spec="3 seen"),
        bad_bundle("second_endorsement_malformed", bundle(by(1), by(2, age=b""))),
        bad_bundle("trailing_octet", right + b"\0", spec="1"),
        bad_bundle("trailing_octet_inside", tlv(der.SEQUENCE, statement(), tlv(der.SEQUENCE, endorsement()), b"\0")),
        bad_bundle("truncated", right[:-1], spec="1"),
        bad_bundle("length_with_leading_zero", b"\x30\x82\x00" + right[2:], spec="1"),
        bad_bundle("length_indefinite", b"\x30\x80" + right[3:] + b"\0\0", spec="1"),
        bad_bundle("statement_of_version_2", bundle(of=two), "unknown_version", "2"),
        bad_bundle("statement_too_long_lived", bundle(of=long), "too_long_lived", "2"),
        bad_bundle("a_statement_is_no_bundle", statement()),
        good_bundle(
            "lifetime_of_0_s",
            bundle(of=statement(produced_at=time(b"20261202110000Z"))),
            [ENDORSEMENT_VALUE],
            {"produced_at": NOT_AFTER_S},
        ),
    ]
