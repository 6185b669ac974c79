"""codec.json: octets of every structure, and whether they decode."""

from reference import names, structures
from reference.codes import Refused

from . import codec_bundles, codec_others, codec_statements


def document():
    cases = codec_statements.cases() + codec_bundles.cases() + codec_others.cases()
    return {"format": "mecai-vectors/codec/1", "cases": cases}


def outcome(case, tables):
    """What the reference reader says, in the form of `expect` and `value`."""
    try:
        value = DECODERS[case["structure"]](bytes.fromhex(case["octets"]), case)
    except Refused as refused:
        return refused.code
    if "value" in case and case["value"] != value:
        return f"ok, but it is {value}"
    return "ok"


def _statement(one):
    return {
        "host": one.host,
        "port": one.port,
        "addresses": [str(names.ipaddress.ip_address(address)) for address in one.addresses],
        "certificate": one.certificate.hex(),
        "produced_at": one.produced_at,
        "not_after": one.not_after,
        "stay": one.stay,
    }


def _endorsement(one):
    return {
        "authority": one.authority.hex(),
        "seen": list(one.seen),
        "source": one.source,
        "age": one.age,
        "signature": one.signature.hex(),
    }


def _bundle(one):
    return {
        "statement": _statement(one.statement),
        "endorsements": [_endorsement(endorsement) for endorsement in one.endorsements],
    }


def _request(pair):
    return {"statement": _statement(pair[0]), "protocol": pair[1]}


def _key_proof(decoded):
    body, _, signature = decoded
    hexed = {key: value.hex() if isinstance(value, bytes) else value for key, value in body.items()}
    return hexed | {"signature": signature.hex()}


DECODERS = {
    "statement": lambda octets, case: _statement(structures.decode_statement(octets)),
    "endorsement": lambda octets, case: _endorsement(structures.decode_endorsement(octets, case["addresses"])),
    "bundle": lambda octets, case: _bundle(structures.decode_bundle(octets)),
    "request": lambda octets, case: _request(structures.decode_request(octets)),
    "key_proof": lambda octets, case: _key_proof(structures.decode_key_proof(octets)),
    "store": lambda octets, case: {"certificate": structures.decode_store(octets).hex()},
}
