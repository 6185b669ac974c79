"""codec.json: octets of every structure, and whether they decode."""

from reference import structures
from reference.codes import Refused

from . import world

DECODERS = {
    "statement": lambda octets, case: structures.decode_statement(octets),
    "endorsement": lambda octets, case: structures.decode_endorsement(octets, case["addresses"]),
    "bundle": lambda octets, case: structures.decode_bundle(octets),
    "request": lambda octets, case: structures.decode_request(octets),
    "key_proof": lambda octets, case: structures.decode_key_proof(octets),
    "store": lambda octets, case: structures.decode_store(octets),
}


def case(name, structure, octets, code, spec, **more):
    return {"name": name, "structure": structure, "octets": octets.hex(), "spec": spec, "expect": code} | more


def document():
    good = world.statement()
    cases = [
        case("good_statement", "statement", good, "ok", "2"),
        case("statement_with_a_trailing_octet", "statement", good + b"\0", "malformed", "1"),
        case("good_bundle", "bundle", world.bundle("bcd"), "ok", "4"),
    ]
    return {"format": "mecai-vectors/codec/1", "cases": cases}


def outcome(case, tables):
    try:
        DECODERS[case["structure"]](bytes.fromhex(case["octets"]), case)
    except Refused as refused:
        return refused.code
    return "ok"
