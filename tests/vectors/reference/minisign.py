"""minisign, from its public format: Ed25519 over the file (legacy) or over its BLAKE2b-512 (prehashed).

A public key is base64 of `Ed` || key id (8) || key (32). A signature file has four lines: an untrusted comment, base64
of `Ed` or `ED` (prehashed) || key id || signature (64), a trusted comment, base64 of a signature over signature ||
trusted comment.
"""

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

UNTRUSTED, TRUSTED = "untrusted comment: ", "trusted comment: "


class Signer:
    def __init__(self, seed, key_id):
        self.key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        self.key_id = key_id
        self.public = base64.b64encode(b"Ed" + key_id + self.key.public_key().public_bytes_raw()).decode()

    def sign(self, file, comment="mecai authority list", legacy=False, key_id=None):
        """The four lines."""
        message = file if legacy else hashlib.blake2b(file).digest()
        signature = self.key.sign(message)
        blob = (b"Ed" if legacy else b"ED") + (key_id or self.key_id) + signature
        final = self.key.sign(signature + comment.encode())
        lines = (
            UNTRUSTED + "signature",
            base64.b64encode(blob).decode(),
            TRUSTED + comment,
            base64.b64encode(final).decode(),
        )
        return "\n".join(lines) + "\n"


def signers(file, signatures, public_keys):
    """The set of those public keys that signed the file; what does not verify is passed over."""
    lines = signatures.splitlines()
    found = set()
    for start in range(0, len(lines) - 3, 4):
        for public in public_keys:
            if _verifies(file, lines[start : start + 4], public):
                found.add(base64.b64decode(public))
    return found


def _verifies(file, lines, public):
    if not lines[0].startswith(UNTRUSTED) or not lines[2].startswith(TRUSTED):
        return False
    try:
        blob, final = base64.b64decode(lines[1], validate=True), base64.b64decode(lines[3], validate=True)
    except binascii.Error:
        return False
    key = base64.b64decode(public)
    if len(blob) != 74 or len(final) != 64 or blob[2:10] != key[2:10]:
        return False
    if blob[:2] == b"ED":
        message = hashlib.blake2b(file).digest()
    elif blob[:2] == b"Ed":
        message = file
    else:
        return False
    verifier = ed25519.Ed25519PublicKey.from_public_bytes(key[10:])
    try:
        verifier.verify(blob[10:], message)
        verifier.verify(final, blob[10:] + lines[2][len(TRUSTED) :].encode())
    except InvalidSignature:
        return False
    return True
