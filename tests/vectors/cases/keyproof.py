"""keyproof.json: key proofs of staged certificates (section 12)."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from reference import der, keyproof, signing, structures, times
from reference.keyproof import PREFIX

from . import world
from .world import HOST, NOW, PORT, PRODUCED

KEYS = {
    "p256": world.private_key("staged/p256"),
    "p384": world.private_key("staged/p384", "P-384"),
    "p521": world.private_key("staged/p521", "P-521"),
    "ed25519": world.private_key("staged/ed25519", "Ed25519"),
    "rsa": world.rsa_key("staged/rsa"),
}
HANDSHAKE_KEY = world.spki_hash(world.private_key("leaf/shop"))


def certificate(kind):
    return world.certificate("staged " + kind, KEYS[kind], "b sub", world.ca_key("b sub"), ca=False, sans=(HOST,))


CERTIFICATES = {kind: certificate(kind) for kind in KEYS}


def document():
    return {"format": "mecai-vectors/keyproof/1", "cases": good() + subjects() + moments() + signatures() + forms()}


def outcome(case, tables):
    octets = [bytes.fromhex(case[member]) for member in ("key_proof", "handshake_key", "certificate")]
    holds = keyproof.holds(octets[0], case["host"], case["port"], octets[1], octets[2], case["now"])
    return "ok" if holds else "refused"


# --- making one -----------------------------------------------------------------------------------------------------


def body(kind, **differs):
    value = {
        "host": HOST,
        "port": PORT,
        "handshakeKey": HANDSHAKE_KEY,
        "certificate": signing.sha256(CERTIFICATES[kind]),
        "notBefore": times.moment(PRODUCED),
        "notAfter": times.moment(PRODUCED + 86_400),
    }
    return structures.encode("KeyProofBody", value | differs)


def proof(kind, signer=None, prefix=PREFIX, **differs):
    octets = body(kind, **differs)
    return join(octets, (signer or sign)(KEYS[kind], prefix + octets))


def join(body_octets, signature):
    return der.tlv(der.SEQUENCE, body_octets, der.tlv(der.OCTET_STRING, signature))


def sign(key, message, hash_=None):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return pss(key, message)
    algorithm = (
        hash_
        or {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}[key.curve.name]
    )
    return key.sign(message, ec.ECDSA(algorithm, deterministic_signing=True))


def pss(key, message, salt_length=32, name="sha256"):
    """RSASSA-PSS (RFC 8017, 9.1.1) with a fixed salt, so that the octets are the same each time; 2048 bits."""
    numbers = key.private_numbers()
    size = hashlib.new(name).digest_size
    salt = (b"fixed salt for test vectors only" * 2)[:salt_length]
    hashed = hashlib.new(name, bytes(8) + hashlib.new(name, message).digest() + salt).digest()
    block = bytes(256 - salt_length - size - 2) + b"\1" + salt
    mask = b"".join(hashlib.new(name, hashed + n.to_bytes(4, "big")).digest() for n in range(len(block) // size + 1))
    masked = bytearray(a ^ b for a, b in zip(block, mask))
    masked[0] &= 0x7F
    encoded = int.from_bytes(bytes(masked) + hashed + b"\xbc", "big")
    return pow(encoded, numbers.d, numbers.public_numbers.n).to_bytes(256, "big")


def pkcs1(key, message):
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def case(name, expect, octets, defect=None, kind="p256", **differs):
    made = {
        "name": name,
        "spec": "12",
        "key_proof": octets.hex(),
        "host": HOST,
        "port": PORT,
        "handshake_key": HANDSHAKE_KEY.hex(),
        "certificate": CERTIFICATES[kind].hex(),
        "now": NOW,
    }
    assert set(differs) <= set(made), differs
    return made | differs | ({"defect": defect} if defect else {}) | {"expect": expect}


def refused(name, octets, defect, **differs):
    return case(name, "refused", octets, defect, **differs)


# --- the cases ------------------------------------------------------------------------------------------------------


def good():
    return [case("good_" + kind, "ok", proof(kind), kind=kind) for kind in ("p256", "p384", "ed25519", "rsa")]


def subjects():
    right = proof("p256")
    other = CERTIFICATES["ed25519"]
    return [
        refused("another_host", right, "it is for www.shop.example", host="mail.shop.example"),
        refused("another_port", right, "it is for port 443", port=8443),
        refused("another_handshake_key", right, "it is for another key", handshake_key="00" * 32),
        refused("another_certificate", right, "it is for another certificate", certificate=other.hex()),
        refused(
            "another_certificate_of_the_same_key",
            right,
            "the key is the same, the certificate is not",
            certificate=again().hex(),
        ),
    ]


def again():
    """A second certificate of the same key."""
    return world.certificate("staged again", KEYS["p256"], "b sub", world.ca_key("b sub"), ca=False, sans=(HOST,))


def moments():
    right = proof("p256")
    long = proof("p256", notAfter=times.moment(PRODUCED + 86_401))
    return [
        case("first_second", "ok", right, now=PRODUCED),
        case("last_second", "ok", right, now=PRODUCED + 86_400),
        refused("a_second_early", right, "notBefore is ahead", now=PRODUCED - 1),
        refused("a_second_late", right, "notAfter has passed", now=PRODUCED + 86_401),
        refused("lifetime_of_86401_s", long, "it lives longer than 24 hours"),
        refused(
            "ends_before_it_begins",
            proof("p256", notAfter=times.moment(PRODUCED - 1)),
            "notAfter is before notBefore",
            now=PRODUCED,
        ),
    ]


def signatures():
    def flip(key, message):
        made = bytearray(sign(key, message))
        made[-1] ^= 1
        return bytes(made)

    def raw(key, message):
        return signing.sign(key, message)

    wrong_key = join(body("p256"), sign(KEYS["p384"], PREFIX + body("p256")))
    handshake = world.private_key("leaf/shop")
    by_handshake_key = join(body("p256"), sign(handshake, PREFIX + body("p256")))
    tls = b"\x20" * 64 + b"TLS 1.3, server CertificateVerify\x00"
    return [
        *[
            refused(f"bit_flipped_{kind}", proof(kind, flip), "one bit of the signature", kind=kind)
            for kind in ("p256", "p384", "ed25519", "rsa")
        ],
        refused("signed_by_another_key", wrong_key, "signed by the P-384 key"),
        refused("signed_by_the_handshake_key", by_handshake_key, "signed by the key in use, not by the staged one"),
        refused("ecdsa_as_r_and_s", proof("p256", raw), "r||s instead of DER"),
        refused(
            "p384_with_sha256",
            proof("p384", lambda key, message: sign(key, message, hashes.SHA256())),
            "the wrong hash",
            kind="p384",
        ),
        refused(
            "p256_with_sha384",
            proof("p256", lambda key, message: sign(key, message, hashes.SHA384())),
            "the wrong hash",
        ),
        refused("p521", proof("p521"), "a kind of key that section 12 does not name", kind="p521"),
        refused("rsa_pkcs1", proof("rsa", pkcs1), "PKCS #1 v1.5 instead of PSS", kind="rsa"),
        refused(
            "rsa_salt_of_20",
            proof("rsa", lambda key, message: pss(key, message, 20)),
            "a salt of 20 octets",
            kind="rsa",
        ),
        refused("rsa_salt_of_0", proof("rsa", lambda key, message: pss(key, message, 0)), "no salt", kind="rsa"),
        refused(
            "rsa_with_sha384",
            proof("rsa", lambda key, message: pss(key, message, 32, "sha384")),
            "the wrong hash",
            kind="rsa",
        ),
        refused("without_the_spaces", proof("p256", prefix=PREFIX[64:]), "no 64 spaces"),
        refused("without_the_zero", proof("p256", prefix=PREFIX[:-1]), "no 0x00 after the label"),
        refused("label_of_an_endorsement", proof("p256", prefix=b"\x20" * 64 + signing.LABEL), "another label"),
        refused("label_of_tls", proof("p256", prefix=tls), "the label of a TLS CertificateVerify"),
        refused("empty_signature", join(body("p256"), b""), "no signature"),
        refused(
            "body_of_another_proof",
            join(body("p256"), sign(KEYS["p256"], PREFIX + body("p256", port=8443))),
            "signed for port 8443",
        ),
    ]


def forms():
    right = proof("p256")
    return [
        refused("trailing_octet", right + b"\0", "a trailing octet"),
        refused("cut_by_one", right[:-1], "an octet is missing"),
        refused("empty", b"", "nothing at all"),
        refused(
            "host_in_upper_case",
            proof("p256", host="WWW.shop.example"),
            "a host that is malformed",
            host="WWW.shop.example",
        ),
    ]
