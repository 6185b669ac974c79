"""Structures put together octet by octet, so that any part can be wrong."""

from reference import der
from reference.der import tlv

CERTIFICATE = bytes(range(32))
SIGNATURE = bytes(range(64, 128))
AUTHORITY = bytes.fromhex("0102030405060708")
HOST = b"www.shop.example"
V4, V6 = bytes.fromhex("c000020a"), bytes.fromhex("20010db8000000000000000000000010")
PRODUCED, NOT_AFTER = b"20261201110000Z", b"20261202110000Z"
PRODUCED_S, NOT_AFTER_S = 1_796_122_800, 1_796_209_200


def case(name, structure, octets, expect, spec, **more):
    made = {"name": f"{structure}_{name}", "structure": structure, "octets": octets.hex(), "spec": spec}
    return made | more | {"expect": expect}


def integer(number):
    size = max(1, (number.bit_length() + 8) // 8)
    return tlv(der.INTEGER, number.to_bytes(size, "big", signed=True))


def octet_string(octets):
    return tlv(der.OCTET_STRING, octets)


def addresses(*octets):
    return tlv(der.SEQUENCE, *[octet_string(one) for one in octets])


def time(text):
    return tlv(der.GENERALIZED_TIME, text)


STATEMENT_PARTS = {
    "version": integer(1),
    "host": tlv(der.UTF8_STRING, HOST),
    "port": integer(443),
    "addresses": addresses(V4, V6),
    "certificate": octet_string(CERTIFICATE),
    "produced_at": time(PRODUCED),
    "not_after": time(NOT_AFTER),
    "stay": b"",
    "end": b"",
}
STATEMENT_VALUE = {
    "host": "www.shop.example",
    "port": 443,
    "addresses": ["192.0.2.10", "2001:db8::10"],
    "certificate": CERTIFICATE.hex(),
    "produced_at": PRODUCED_S,
    "not_after": NOT_AFTER_S,
    "stay": None,
}

BODY_PARTS = {
    "authority": octet_string(AUTHORITY),
    "seen": tlv(der.BIT_STRING, b"\x06\xc0"),
    "source": tlv(der.ENUMERATED, b"\0"),
    "age": integer(3600),
    "end": b"",
}
ENDORSEMENT_VALUE = {
    "authority": AUTHORITY.hex(),
    "seen": [True, True],
    "source": "ocsp",
    "age": 3600,
    "signature": SIGNATURE.hex(),
}


def statement(**parts):
    """A statement; a part given as octets stands in for the right one."""
    return tlv(der.SEQUENCE, *(STATEMENT_PARTS | parts).values())


def body(**parts):
    return tlv(der.SEQUENCE, *(BODY_PARTS | parts).values())


def endorsement(signature=octet_string(SIGNATURE), end=b"", **parts):
    return tlv(der.SEQUENCE, body(**parts), signature, end)


def bundle(*endorsements, of=None):
    return tlv(der.SEQUENCE, of or statement(), tlv(der.SEQUENCE, *(endorsements or (endorsement(),))))


def by(number, **parts):
    """An endorsement by authority 0000000000000000 + number."""
    return endorsement(authority=octet_string(number.to_bytes(8, "big")), **parts)
