"""Statements: sections 1 and 2."""

from reference import der
from reference.der import tlv

from .codec_build import (
    CERTIFICATE,
    HOST,
    NOT_AFTER_S,
    PRODUCED_S,
    STATEMENT_PARTS,
    STATEMENT_VALUE,
    V4,
    V6,
    addresses,
    case,
    integer,
    octet_string,
    statement,
    time,
)


def cases():
    return (
        forms() + versions() + hosts() + ports() + address_lists() + certificates() + moments() + lifetimes() + stays()
    )


def good(name, spec, value=None, **parts):
    return case(name, "statement", statement(**parts), "ok", spec, value=STATEMENT_VALUE | (value or {}))


def bad(name, spec, expect="malformed", **parts):
    return case(name, "statement", statement(**parts), expect, spec)


def raw(name, octets, expect="malformed", spec="1"):
    return case(name, "statement", octets, expect, spec)


def forms():
    right = statement()
    content = b"".join(STATEMENT_PARTS.values())
    size = len(content)
    host = bytes([len(HOST)])
    parts = list(STATEMENT_PARTS.values())[:7]
    return [
        good("good", "2"),
        raw("empty", b""),
        raw("empty_sequence", tlv(der.SEQUENCE)),
        raw("trailing_octet", right + b"\0"),
        raw("trailing_octet_inside", statement(end=b"\0")),
        raw("trailing_null_inside", statement(end=b"\x05\x00")),
        raw("truncated_by_one", right[:-1]),
        raw("only_the_header", right[:2]),
        raw("length_in_long_form", tlv(der.SEQUENCE, content, length=b"\x81" + bytes([size]))),
        raw("length_with_leading_zero", tlv(der.SEQUENCE, content, length=b"\x82\x00" + bytes([size]))),
        raw("length_indefinite", b"\x30\x80" + content + b"\0\0"),
        raw("length_of_four_gigabytes", b"\x30\x84\xff\xff\xff\xff" + content),
        raw("length_reserved", b"\x30\xff" + content),
        raw("length_one_too_many", tlv(der.SEQUENCE, content, length=bytes([size + 1]))),
        raw("set_instead_of_sequence", tlv(0x31, content)),
        raw("primitive_sequence", tlv(0x10, content)),
        bad("host_with_length_in_long_form", "1", host=tlv(der.UTF8_STRING, HOST, length=b"\x81" + host)),
        bad("host_constructed", "1", host=tlv(0x2C, tlv(der.UTF8_STRING, HOST))),
        bad("host_as_ia5string", "2", host=tlv(0x16, HOST)),
        bad("certificate_constructed", "1", certificate=tlv(0x24, octet_string(CERTIFICATE))),
        bad("port_with_a_leading_zero", "1", port=tlv(der.INTEGER, b"\0\x01\xbb")),
        bad("port_without_content", "1", port=tlv(der.INTEGER)),
        bad("port_missing", "2", port=b""),
        bad("not_after_missing", "2", not_after=b""),
        raw("host_and_port_swapped", tlv(der.SEQUENCE, parts[0], parts[2], parts[1], *parts[3:]), spec="2"),
        bad("host_twice", "2", host=STATEMENT_PARTS["host"] * 2),
        raw("wrapped_in_a_sequence", tlv(der.SEQUENCE, right), spec="2"),
    ]


def versions():
    unknown = "unknown_version"
    return [
        bad("version_0", "2", unknown, version=integer(0)),
        bad("version_2", "2", unknown, version=integer(2)),
        bad("version_minus_1", "2", unknown, version=integer(-1)),
        bad("version_256", "2", unknown, version=integer(256)),
        bad("version_of_nine_octets", "2", unknown, version=integer(1 << 64)),
        bad("version_2_and_another_host_form", "2", unknown, version=integer(2), host=octet_string(HOST)),
        raw("version_2_and_nothing_else", tlv(der.SEQUENCE, integer(2)), unknown, "2"),
        bad("version_minus_129", "2", unknown, version=tlv(der.INTEGER, b"\xff\x7f")),
        bad("version_minus_128_in_two_octets", "1", version=tlv(der.INTEGER, b"\xff\x80")),
        bad("version_with_a_leading_zero", "1", version=tlv(der.INTEGER, b"\0\1")),
        bad("version_2_with_a_leading_zero", "1", version=tlv(der.INTEGER, b"\0\2")),
        bad("version_without_content", "1", version=tlv(der.INTEGER)),
        bad("version_missing", "2", version=b""),
        bad("version_as_octet_string", "2", version=octet_string(b"\1")),
    ]


LONG_LABEL = "a" * 63
LONG_NAME = ".".join([LONG_LABEL] * 3 + ["b" * 61])

GOOD_HOSTS = {
    "single_label": "localhost",
    "one_letter": "a",
    "a_label": "xn--bcher-kva.example",
    "digits_in_labels": "1.2.3.4a",
    "digits_in_every_place": "a59b.9c9.x9.example",
    "hyphens_within": "a--b.c-d.example",
    "label_of_63": LONG_LABEL + ".example",
    "name_of_253": LONG_NAME,
    "last_label_begins_with_a_digit": "a.0x1",
    "ipv4": "192.0.2.10",
    "ipv4_zero": "0.0.0.0",
    "ipv6": "2001:db8::10",
    "ipv6_unspecified": "::",
    "ipv6_loopback": "::1",
    "ipv6_first_of_two_equal_runs": "2001:db8::1:0:0:1",
    "ipv6_longest_run": "2001:0:0:1::1",
    "ipv6_single_zero_group_not_shortened": "2001:db8:0:1:1:1:1:1",
    "ipv6_with_an_ipv4_suffix_in_hexadecimal": "64:ff9b::c000:20a",
}

BAD_HOSTS = {
    "empty": "",
    "upper_case": "WWW.shop.example",
    "dot_at_the_end": "www.shop.example.",
    "dot_at_the_start": ".shop.example",
    "two_dots": "www..shop.example",
    "only_a_dot": ".",
    "wildcard": "*.shop.example",
    "underscore": "_dmarc.shop.example",
    "hyphen_at_the_start": "-www.shop.example",
    "hyphen_at_the_end": "www-.shop.example",
    "label_of_64": LONG_LABEL + "a.example",
    "name_of_254": LONG_NAME + "b",
    "space": "www.shop .example",
    "nul": "www.shop.example\0",
    "newline": "www.shop.example\n",
    "u_label": "bücher.example",
    "slash": "shop.example/www",
    "with_port": "www.shop.example:443",
    "last_label_all_digits": "www.shop.1",
    "single_label_all_digits": "1",
    "ipv4_of_three_parts": "192.0.2",
    "ipv4_of_five_parts": "192.0.2.10.1",
    "ipv4_over_255": "192.0.2.256",
    "ipv4_leading_zero": "192.0.2.010",
    "ipv4_in_brackets": "[192.0.2.10]",
    "ipv6_in_brackets": "[2001:db8::10]",
    "ipv6_upper_case": "2001:DB8::10",
    "ipv6_leading_zero": "2001:db8::0010",
    "ipv6_not_shortened": "2001:db8:0:0:0:0:0:10",
    "ipv6_second_of_two_equal_runs": "2001:db8:0:0:1::1",
    "ipv6_single_zero_group_shortened": "2001:db8::1:1:1:1:1",
    "ipv6_zone": "fe80::1%eth0",
    "ipv6_ipv4_mapped": "::ffff:192.0.2.10",
    "ipv6_ipv4_mapped_in_hexadecimal": "::ffff:c000:20a",
    "ipv6_prefix": "2001:db8::/32",
}


def hosts():
    made = [
        good("host_" + name, "1 hosts", {"host": text}, host=tlv(der.UTF8_STRING, text.encode()))
        for name, text in GOOD_HOSTS.items()
    ]
    made += [
        bad("host_" + name, "1 hosts", host=tlv(der.UTF8_STRING, text.encode())) for name, text in BAD_HOSTS.items()
    ]
    made.append(
        case(
            "host_ipv6_with_an_ipv4_suffix_in_dotted_decimal",
            "statement",
            statement(host=tlv(der.UTF8_STRING, b"64:ff9b::192.0.2.10")),
            "malformed",
            "1 hosts",
            assumption="an IPv6 address is written in hexadecimal groups only, though RFC 5952 section 5 allows more",
        )
    )
    made.append(bad("host_not_utf8", "1 hosts", host=tlv(der.UTF8_STRING, b"www.\xff.example")))
    made.append(bad("host_overlong_utf8", "1 hosts", host=tlv(der.UTF8_STRING, b"www.\xc1\xa1.example")))
    return made


def ports():
    return [
        good("port_1", "2", {"port": 1}, port=integer(1)),
        good("port_127", "2", {"port": 127}, port=tlv(der.INTEGER, b"\x7f")),
        good("port_128", "2", {"port": 128}, port=tlv(der.INTEGER, b"\0\x80")),
        bad("port_127_with_a_leading_zero", "1", port=tlv(der.INTEGER, b"\0\x7f")),
        bad("port_128_without_its_leading_zero", "1", port=tlv(der.INTEGER, b"\x80")),
        good("port_65535", "2", {"port": 65535}, port=integer(65535)),
        bad("port_0", "2", port=integer(0)),
        bad("port_65536", "2", port=integer(65536)),
        bad("port_minus_1", "2", port=integer(-1)),
        bad("port_65535_as_a_negative_number", "2", port=tlv(der.INTEGER, b"\xff\xff")),
        bad("port_of_nine_octets", "2", port=integer(1 << 64)),
    ]


def address_lists():
    many = [bytes([10, 0, 0, number]) for number in range(17)]
    mapped = bytes(10) + b"\xff\xff" + V4

    def texts(*listed):
        return {"addresses": list(listed)}

    return [
        good("addresses_one_ipv4", "2", texts("192.0.2.10"), addresses=addresses(V4)),
        good("addresses_one_ipv6", "2", texts("2001:db8::10"), addresses=addresses(V6)),
        good("addresses_16", "2", texts(*[f"10.0.0.{n}" for n in range(16)]), addresses=addresses(*many[:16])),
        bad("addresses_17", "2", addresses=addresses(*many)),
        bad("addresses_none", "2", addresses=addresses()),
        bad("addresses_twice_the_same", "2", addresses=addresses(V4, V4)),
        bad("addresses_descending", "2", addresses=addresses(many[2], many[1])),
        bad("addresses_ipv6_before_ipv4", "2", addresses=addresses(V6, V4)),
        good(
            "addresses_longer_last_though_its_octets_are_less",
            "2",
            texts("192.0.2.10", "::1"),
            addresses=addresses(V4, bytes(15) + b"\1"),
        ),
        bad("address_of_3_octets", "2", addresses=addresses(V4[:3])),
        bad("address_of_5_octets", "2", addresses=addresses(V4 + b"\0")),
        bad("address_of_no_octets", "2", addresses=addresses(b"")),
        bad("address_of_15_octets", "2", addresses=addresses(V6[:15])),
        bad("address_of_17_octets", "2", addresses=addresses(V6 + b"\0")),
        bad("address_ipv4_mapped", "1 hosts", addresses=addresses(mapped)),
        bad("addresses_ipv4_and_the_same_mapped", "1 hosts", addresses=addresses(V4, mapped)),
        bad("addresses_as_a_set", "2", addresses=tlv(0x31, octet_string(V4))),
        bad("addresses_of_another_type", "2", addresses=tlv(der.SEQUENCE, tlv(der.UTF8_STRING, b"abcd"))),
    ]


def certificates():
    return [
        bad("certificate_of_31_octets", "2", certificate=octet_string(CERTIFICATE[:31])),
        bad("certificate_of_33_octets", "2", certificate=octet_string(CERTIFICATE + b"\0")),
        bad("certificate_empty", "2", certificate=octet_string(b"")),
    ]


GOOD_TIMES = {
    "first_second": ("19700101000000Z", 0),
    "last_second": ("99991231235959Z", 253_402_300_799),
    "leap_day": ("20280229120000Z", 1_835_438_400),
    "leap_day_of_2000": ("20000229000000Z", 951_782_400),
    "beyond_32_bits": ("20380119031408Z", 2_147_483_648),
}

BAD_TIMES = {
    "last_second_of_1969": "19691231235959Z",
    "year_0000": "00000101000000Z",
    "leap_second": "20161231235960Z",
    "second_61": "20261201110061Z",
    "minute_60": "20261201116000Z",
    "hour_24": "20261201240000Z",
    "day_0": "20261200110000Z",
    "day_31_of_november": "20261131110000Z",
    "february_29_of_2026": "20260229110000Z",
    "february_29_of_2100": "21000229110000Z",
    "month_0": "20260001110000Z",
    "month_13": "20261301110000Z",
    "fraction": "20261201110000.5Z",
    "fraction_of_zero": "20261201110000.0Z",
    "offset": "20261201110000+0000",
    "offset_of_an_hour": "20261201120000+0100",
    "local": "20261201110000",
    "without_seconds": "202612011100Z",
    "lower_case_z": "20261201110000z",
    "space": "20261201 10000Z",
    "sign": "+0261201110000Z",
    "five_digit_year": "120261201110000Z",
    "empty": "",
}


def moments():
    made = [
        good("time_" + name, "1", {"produced_at": s, "not_after": s}, produced_at=both(text), not_after=both(text))
        for name, (text, s) in GOOD_TIMES.items()
    ]
    made += [bad("time_" + name, "1", produced_at=both(text)) for name, text in BAD_TIMES.items()]
    made += [bad("not_after_" + name, "1", not_after=both(text)) for name, text in list(BAD_TIMES.items())[:3]]
    made.append(bad("time_in_arabic_digits", "1", produced_at=time("٢٠٢٦".encode() + b"1201110000Z")))
    made.append(bad("time_as_utctime", "1", produced_at=tlv(0x17, b"261201110000Z")))
    return made


def both(text):
    return time(text.encode())


def lifetimes():
    def ends(text):
        return {"not_after": both(text)}

    long = "too_long_lived"
    return [
        good("lifetime_of_0_s", "2", {"not_after": PRODUCED_S}, **ends("20261201110000Z")),
        bad("ends_a_second_before_it_begins", "2", **ends("20261201105959Z")),
        good("lifetime_of_86400_s", "2", {"not_after": NOT_AFTER_S}, **ends("20261202110000Z")),
        bad("lifetime_of_86401_s", "2", long, **ends("20261202110001Z")),
        bad("lifetime_of_8000_years", "2", long, **ends("99991231235959Z")),
        bad("too_long_lived_and_a_trailing_octet_inside", "2", end=b"\0", **ends("20261202110001Z")),
        bad("too_long_lived_and_stay_31", "2", stay=tlv(0x80, b"\x1f"), **ends("20261202110001Z")),
        bad("version_2_and_too_long_lived", "2", "unknown_version", version=integer(2), **ends("20261202110001Z")),
    ]


def stays():
    return [
        good("stay_0", "2", {"stay": 0}, stay=tlv(0x80, b"\0")),
        good("stay_30", "2", {"stay": 30}, stay=tlv(0x80, b"\x1e")),
        bad("stay_31", "2", stay=tlv(0x80, b"\x1f")),
        bad("stay_minus_1", "2", stay=tlv(0x80, b"\xff")),
        bad("stay_with_a_leading_zero", "1", stay=tlv(0x80, b"\0\x1e")),
        bad("stay_without_content", "1", stay=tlv(0x80)),
        bad("stay_as_integer", "2", stay=integer(30)),
        bad("stay_explicit", "2", stay=tlv(0xA0, integer(30))),
        bad("stay_with_another_tag", "2", stay=tlv(0x81, b"\x1e")),
        bad("stay_twice", "2", stay=tlv(0x80, b"\x1e") * 2),
        bad("stay_before_not_after", "2", not_after=tlv(0x80, b"\x1e") + STATEMENT_PARTS["not_after"]),
    ]
