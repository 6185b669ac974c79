"""Requests, key proofs, files of the store: sections 9, 11, 12."""

from reference import der, signing
from reference.der import tlv

from .codec_build import (
    CERTIFICATE,
    NOT_AFTER_S,
    PRODUCED_S,
    SIGNATURE,
    STATEMENT_VALUE,
    bundle,
    by,
    case,
    integer,
    octet_string,
    statement,
    time,
)

KEY_HASH = bytes(range(32, 64))


def cases():
    return requests() + key_proofs() + stores()


def requests():
    def request(protocol=0, of=None, end=b"", tag=der.ENUMERATED):
        return tlv(der.SEQUENCE, of or statement(), tlv(tag, bytes([protocol])), end)

    def bad(name, octets, expect="malformed", spec="9", **more):
        return case(name, "request", octets, expect, spec, **more)

    made = [
        case(name, "request", request(n), "ok", "9", value={"statement": STATEMENT_VALUE, "protocol": name})
        for n, name in enumerate(("tls", "smtp", "imap", "pop3", "postgres"))
    ]
    too_long = statement(not_after=time(b"20261202110001Z"))
    unknown = "a protocol outside the ENUMERATED does not decode (`malformed_request`, not `unsupported_protocol`)"
    return made + [
        bad("protocol_5", request(5), assumption=unknown),
        bad("protocol_as_integer", request(0, tag=der.INTEGER)),
        bad("protocol_missing", tlv(der.SEQUENCE, statement())),
        bad("trailing_octet", request() + b"\0", spec="1"),
        bad("trailing_octet_inside", request(end=b"\0"), spec="1"),
        bad("statement_alone", statement()),
        bad("bundle_instead", bundle()),
        bad("statement_of_version_2", request(of=statement(version=integer(2))), "unknown_version", "2"),
        bad("too_long_lived", request(of=too_long), "too_long_lived", "2"),
        bad("too_long_lived_beside_protocol_5", request(5, of=too_long), "too_long_lived", "2"),
        bad("too_long_lived_beside_an_integer", request(of=too_long, tag=der.INTEGER), spec="2"),
        bad("empty", b"", spec="1"),
    ]


PROOF_PARTS = {
    "host": tlv(der.UTF8_STRING, b"www.shop.example"),
    "port": integer(443),
    "handshake_key": octet_string(KEY_HASH),
    "certificate": octet_string(CERTIFICATE),
    "not_before": time(b"20261201110000Z"),
    "not_after": time(b"20261202110000Z"),
    "end": b"",
}
PROOF_VALUE = {
    "host": "www.shop.example",
    "port": 443,
    "handshake_key": KEY_HASH.hex(),
    "certificate": CERTIFICATE.hex(),
    "not_before": PRODUCED_S,
    "not_after": NOT_AFTER_S,
    "signature": SIGNATURE.hex(),
}


def key_proof(**parts):
    return tlv(der.SEQUENCE, tlv(der.SEQUENCE, *(PROOF_PARTS | parts).values()), octet_string(SIGNATURE))


def key_proofs():
    def bad(name, **parts):
        return case(name, "key_proof", key_proof(**parts), "malformed", "12")

    def good(name, value, **parts):
        return case(name, "key_proof", key_proof(**parts), "ok", "12", value=PROOF_VALUE | value)

    return [
        good("good", {}),
        good("port_1", {"port": 1}, port=integer(1)),
        good("port_65535", {"port": 65_535}, port=integer(65_535)),
        bad("port_65536", port=integer(65_536)),
        good("lifetime_of_0_s", {"not_after": PRODUCED_S}, not_after=time(b"20261201110000Z")),
        case("trailing_octet", "key_proof", key_proof() + b"\0", "malformed", "1"),
        bad("trailing_octet_inside", end=b"\0"),
        bad("host_is_a_wildcard", host=tlv(der.UTF8_STRING, b"*.shop.example")),
        bad("port_0", port=integer(0)),
        bad("handshake_key_of_31_octets", handshake_key=octet_string(KEY_HASH[1:])),
        bad("certificate_of_33_octets", certificate=octet_string(CERTIFICATE + b"\0")),
        bad("not_before_with_a_fraction", not_before=time(b"20261201110000.0Z")),
        bad("ends_before_it_begins", not_after=time(b"20261201105959Z")),
        bad("lifetime_of_86401_s", not_after=time(b"20261202110001Z")),
    ]


def store(*bundles, version=1, more=b"", certificate=CERTIFICATE, digest=None, end=b""):
    body = tlv(der.SEQUENCE, integer(version), octet_string(certificate), tlv(der.SEQUENCE, *bundles), more)
    return tlv(der.SEQUENCE, body, octet_string(digest or signing.sha256(body)), end)


def stores():
    def ok(name, octets):
        return case(name, "store", octets, "ok", "11", value={"certificate": CERTIFICATE.hex()})

    def bad(name, octets, expect="malformed"):
        return case(name, "store", octets, expect, "11")

    chain = tlv(der.SEQUENCE, octet_string(b"\x30\x00"), octet_string(b"\x30\x00"))
    empty = tlv(der.SEQUENCE)
    leaf = octet_string(signing.sha256(b"\x30\x00"))
    alternate = tlv(0xA0, chain, tlv(der.SEQUENCE, bundle(of=statement(certificate=leaf))))
    staged = tlv(der.SEQUENCE, chain, key_proof(certificate=leaf))
    short_proof = key_proof(host=tlv(der.UTF8_STRING, b"a"), certificate=octet_string(signing.sha256(b"x")))
    shortest = tlv(der.SEQUENCE, tlv(der.SEQUENCE, octet_string(b"x")), short_proof)
    other = statement(certificate=octet_string(CERTIFICATE[::-1]))
    good = store(bundle())
    return [
        ok("good", good),
        ok("without_bundles", store()),
        ok("with_alternate", store(more=alternate)),
        ok("with_alternate_without_bundles", store(more=tlv(0xA0, chain, empty))),
        ok("with_staged", store(more=tlv(0xA1, staged))),
        ok("with_everything", store(bundle(), more=alternate + tlv(0xA1, staged * 4))),
        ok("staged_of_255", store(more=tlv(0xA1, shortest * 255))),
        bad("staged_of_256", store(more=tlv(0xA1, shortest * 256))),
        bad("no_staged", store(more=tlv(0xA1))),
        bad("staged_before_alternate", store(more=tlv(0xA1, staged) + alternate)),
        bad("alternate_without_chain", store(more=tlv(0xA0, empty, empty))),
        ok("alternate_of_one", store(more=tlv(0xA0, tlv(der.SEQUENCE, octet_string(b"x")), empty))),
        ok("alternate_of_ten", store(more=tlv(0xA0, tlv(der.SEQUENCE, octet_string(b"x") * 10), empty))),
        bad(
            "alternate_with_a_certificate_of_no_octets",
            store(more=tlv(0xA0, tlv(der.SEQUENCE, octet_string(b"")), empty)),
        ),
        bad("alternate_of_eleven", store(more=tlv(0xA0, tlv(der.SEQUENCE, octet_string(b"x") * 11), empty))),
        bad("chain_of_the_alternate_is_another", store(more=tlv(0xA0, chain, tlv(der.SEQUENCE, bundle())))),
        bad("key_proof_of_another_chain", store(more=tlv(0xA1, tlv(der.SEQUENCE, chain, key_proof())))),
        bad("digest_differs", store(bundle(), digest=bytes(32))),
        bad("digest_of_31_octets", store(bundle(), digest=bytes(31))),
        bad("torn", good[: len(good) // 2]),
        bad("empty", b""),
        bad("trailing_octet", good + b"\0"),
        bad("trailing_octet_inside", store(bundle(), end=b"\0")),
        bad("version_2", store(bundle(), version=2), "unknown_version"),
        bad("statement_about_another_certificate", store(bundle(of=other))),
        bad("bundle_malformed", store(bundle(by(2), by(1)))),
    ]
