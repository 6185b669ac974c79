"""The key proof of a staged certificate (section 12)."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from . import signing, structures
from .codes import Refused

PREFIX = b"\x20" * 64 + b"mecai-key-proof-v1\x00"


def holds(octets, host, port, handshake_key, certificate, now):
    """Whether a key proof speaks for this staged certificate (DER) at this host, port and handshake key, now."""
    try:
        body, body_octets, signature = structures.decode_key_proof(octets)
    except Refused:
        return False
    wanted = {
        "host": host,
        "port": port,
        "handshake_key": handshake_key,
        "certificate": signing.sha256(certificate),
    }
    if any(body[member] != value for member, value in wanted.items()):
        return False
    if not body["not_before"] <= now <= body["not_after"]:
        return False
    return _verifies(x509.load_der_x509_certificate(certificate).public_key(), PREFIX + body_octets, signature)


def _verifies(key, message, signature):
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in signing.CURVES:
            key.verify(signature, message, ec.ECDSA(signing.HASHES[signing.CURVES[key.curve.name]]))
        else:
            return False
    except InvalidSignature:
        return False
    return True
