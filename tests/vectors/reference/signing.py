"""Signatures of endorsements and the keys of authorities (section 3)."""

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

LABEL = b"mecai-endorsement-v1\x00"
ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}
HASHES = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384()}
SIZES = {"P-256": 32, "P-384": 48}
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384"}


def spki(public_key):
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sha256(octets):
    return hashlib.sha256(octets).digest()


def authority_id(spki_octets):
    return sha256(spki_octets)[:8]


def algorithm(spki_octets):
    """(name of the algorithm or None, key); the name is None for a key that section 3 does not know."""
    try:
        key = serialization.load_der_public_key(spki_octets)
    except (ValueError, UnsupportedAlgorithm):
        return None, None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", key
    if isinstance(key, ec.EllipticCurvePublicKey):
        return CURVES.get(key.curve.name), key
    return None, key


def signed_octets(spki_octets, statement, body):
    """What an endorsement's signature is over; `statement` and `body` in DER."""
    return LABEL + sha256(spki_octets) + sha256(statement) + body


def sign(private_key, message):
    """One signature, one encoding: RFC 6979, r||s, low s; or Ed25519."""
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        return private_key.sign(message)
    name = CURVES[private_key.curve.name]
    encoded = private_key.sign(message, ec.ECDSA(HASHES[name], deterministic_signing=True))
    r, s = utils.decode_dss_signature(encoded)
    s = min(s, ORDERS[name] - s)
    return r.to_bytes(SIZES[name], "big") + s.to_bytes(SIZES[name], "big")


def high_s(name, signature):
    """The other signature of the same message, with a high s."""
    half = len(signature) // 2
    s = ORDERS[name] - int.from_bytes(signature[half:], "big")
    return signature[:half] + s.to_bytes(half, "big")


def verify(spki_octets, message, signature):
    name, key = algorithm(spki_octets)
    if name == "Ed25519":
        return _verifies(lambda: key.verify(signature, message))
    size = SIZES[name]
    if len(signature) != 2 * size:
        return False
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    if s > ORDERS[name] // 2:
        return False
    encoded = utils.encode_dss_signature(r, s)
    return _verifies(lambda: key.verify(encoded, message, ec.ECDSA(HASHES[name])))


def _verifies(check):
    try:
        check()
    except InvalidSignature:
        return False
    return True
