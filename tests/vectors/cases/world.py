"""The world of the vectors: twelve operators with fixed keys, their list, chains, and what their authorities sign."""

import base64
import datetime
import functools
import hashlib
import json
import math

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from reference import der, extension, minisign, names, signing, structures, times

NOW = times.utc("2026-12-01T12:00:00Z")
PRODUCED = NOW - 3600
LIFE = 86_400
HOST, PORT = "www.shop.example", 443
ADDRESSES = ("192.0.2.10", "2001:db8::10")
DAY = 86_400

COUNTRIES = {"a": "DE", "b": "DE", "c": "DE", "d": "DE", "e": "US", "f": "US", "g": "US", "h": "US"}
COUNTRIES |= {"i": "JP", "j": "JP", "k": "JP", "l": "JP"}
REGIONS = {"DE": "EU", "US": "NA", "JP": "AP"}
SMALL_PRIMES = math.prod(n for n in range(3, 2000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2)))
ALGORITHMS = ("P-256", "P-384", "Ed25519")

SECRET = b"\x01" * 32  # picks f, d, h, b for shop.example at NOW (pick.json pins it)
MACHINE = "0123456789abcdef0123456789abcdef"


def digest(*words):
    return hashlib.sha256("/".join(words).encode()).digest()


@functools.cache
def private_key(label, kind="P-256"):
    """The fixed key of that label."""
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(digest("ed25519", label))
    curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[kind]
    return ec.derive_private_key(int.from_bytes(digest("ec", label), "big") >> 1, curve)


def prime(label):
    """A fixed 1024-bit prime p with p = 3 mod 4 and gcd(p - 1, 65537) = 1."""
    number = int.from_bytes(b"".join(digest("prime", label, str(n)) for n in range(4)), "big")
    number |= (3 << 1022) | 3
    while math.gcd(number, SMALL_PRIMES) != 1 or pow(2, number - 1, number) != 1 or (number - 1) % 65537 == 0:
        number += 4
    return number


@functools.cache
def rsa_key(label):
    """A fixed RSA key of 2048 bits."""
    p, q = prime(label + "/p"), prime(label + "/q")
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    exponents = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *exponents, public).private_key()


def spki_of(key):
    return signing.spki(key.public_key())


def spki_hash(key):
    return signing.sha256(spki_of(key))


# --- certificates ---------------------------------------------------------------------------------------------------


def certificate(subject, key, issuer, issuer_key, ca=True, sans=(), serial=None):
    """A certificate in DER; the same arguments give the same octets."""
    naming = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (subject, issuer)]
    number = serial or int.from_bytes(digest("serial", subject, issuer)[:8], "big") >> 1
    builder = (
        x509.CertificateBuilder()
        .subject_name(naming[0])
        .issuer_name(naming[1])
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(datetime.datetime(2026, 1, 1))
        .not_valid_after(datetime.datetime(2027, 12, 31))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if sans:
        entries = []
        for name in sans:
            address = names.literal(name)
            entries.append(x509.DNSName(name) if address is None else x509.IPAddress(address))
        builder = builder.add_extension(x509.SubjectAlternativeName(entries), critical=False)
    signed = builder.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(serialization.Encoding.DER)


def ca_key(name):
    return private_key("ca/" + name)


def ca(name, issuer=None):
    return certificate(name, ca_key(name), issuer or name, ca_key(issuer or name))


def leaf(issuer, label="shop", sans=(HOST,)):
    return certificate(sans[0], private_key("leaf/" + label), issuer, ca_key(issuer), ca=False, sans=sans)


CHAINS = {
    "shop": [leaf("a sub"), ca("a sub", "a root"), ca("a root")],
    "rogue": [leaf("b sub", "rogue"), ca("b sub", "b root"), ca("b root")],
    "renewed": [leaf("a sub", "renewed"), ca("a sub", "a root"), ca("a root")],
    "cross-signed": [leaf("a sub"), ca("a sub", "a root"), ca("a root", "c root"), ca("c root")],
    "two-roots": [leaf("a sub"), ca("a sub", "a root"), ca("a root", "a root 2"), ca("a root 2")],
    "unlisted-below-listed-sub": [
        leaf("d deep", "deep"),
        ca("d deep", "d sub at a"),
        ca("d sub at a", "a root"),
        ca("a root"),
    ],
    "listed-sub-at-a": [leaf("d sub at a", "d"), ca("d sub at a", "a root"), ca("a root")],
    "unlisted-root": [leaf("z sub", "z"), ca("z sub", "z root"), ca("z root")],
    "listed-sub-below-unlisted-root": [leaf("d sub at a", "d"), ca("d sub at a", "z root"), ca("z root")],
    "leaf-at-root": [leaf("a root", "direct"), ca("a root")],
    "self-signed": [certificate(HOST, ca_key("self"), HOST, ca_key("self"), ca=False, sans=(HOST,))],
    "address": [leaf("a sub", "address", ("192.0.2.10",)), ca("a sub", "a root"), ca("a root")],
    "address-v6": [leaf("a sub", "address6", ("2001:db8::10",)), ca("a sub", "a root"), ca("a root")],
    "two-names": [leaf("a sub", "two", (HOST, "mail.shop.example")), ca("a sub", "a root"), ca("a root")],
}

CA_KEYS = {
    "a": ["a root", "a root 2"],
    "b": ["b root"],
    "c": ["c root"],
    "d": ["d root", "d sub at a"],
}


# --- authorities and lists ------------------------------------------------------------------------------------------


def authority_key(label):
    """The key of authority `b`, or `b-7` where an operator has several; `rsa` and `p521` are of no known algorithm."""
    if label.startswith("rsa"):
        return rsa_key("authority/" + label)
    if label.startswith("p521"):
        return private_key("authority/" + label, "P-521")
    letter = label.split("-")[0]
    kind = ALGORITHMS[(ord(letter) - ord("a")) % 3] if len(letter) == 1 else "P-256"
    return private_key("authority/" + label, kind)


def authority_id(label):
    return signing.authority_id(spki_of(authority_key(label)))


def authority_entry(label, country, valid=("2026-01-01T00:00:00Z", "2027-12-31T23:59:59Z"), regions=None):
    return {
        "public_key": base64.b64encode(spki_of(authority_key(label))).decode(),
        "url": f"https://va.{label}.example/",
        "regions": [REGIONS[country]] if regions is None else regions,
        "valid_from": valid[0],
        "valid_until": valid[1],
    }


def operator_entry(letter, country=None, authorities=None, ca_names=None):
    country = country or COUNTRIES[letter]
    names_of_keys = ca_names or CA_KEYS.get(letter, [f"{letter} root"])
    return {
        "id": f"operator-{letter}",
        "name": f"Operator {letter.upper()}",
        "country": country,
        "ca_keys": [spki_hash(ca_key(name)).hex() for name in names_of_keys],
        "authorities": [authority_entry(letter, country)] if authorities is None else authorities,
    }


def list_data(operators=None, **members):
    data = {
        "version": 1,
        "sequence": 17,
        "issued": "2026-11-20T00:00:00Z",
        "expires": "2026-12-20T00:00:00Z",
        "operators": [operator_entry(letter) for letter in COUNTRIES] if operators is None else operators,
    }
    return data | members


def list_text(data):
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


LIST_SIGNERS = [minisign.Signer(digest("minisign", str(n)), digest("key id", str(n))[:8]) for n in range(4)]


def signed_list(data, signers=(0,), keys=(0,), required=1):
    """An entry of the table `lists`."""
    text = data if isinstance(data, str) else list_text(data)
    return {
        "file": text,
        "signatures": "".join(LIST_SIGNERS[n].sign(text.encode()) for n in signers),
        "public_keys": [LIST_SIGNERS[n].public for n in keys],
        "required": required,
    }


# --- vouchers -------------------------------------------------------------------------------------------------------


def statement(
    chain="shop",
    host=HOST,
    port=PORT,
    addresses=ADDRESSES,
    produced=PRODUCED,
    life=LIFE,
    stay=None,
    certificate=None,
):
    """A statement in DER about the chain's end entity."""
    packed = sorted((names.octets_of(one) for one in addresses), key=names.address_order)
    digest_of = certificate or signing.sha256(CHAINS[chain][0])
    value = structures.statement_value(host, port, packed, digest_of, produced, produced + life, stay)
    return structures.encode("Statement", value)


def endorse(statement_octets, label, seen=None, source="ocsp", age=3600, spoil=None, key=None):
    """An endorsement as a value of the ASN.1 module; `spoil` changes the signature."""
    count = len(structures.COMPILED.decode("Statement", statement_octets)["addresses"])
    body = structures.body_value(authority_id(label), seen or [True] * count, source, age)
    key = key or authority_key(label)
    message = signing.signed_octets(spki_of(key), statement_octets, structures.encode("EndorsementBody", body))
    signature = bytes(64) if isinstance(key, (rsa.RSAPrivateKey,)) or label.startswith("p521") else None
    signature = signature or signing.sign(key, message)
    return {"body": body, "signature": spoil(signature) if spoil else signature}


def join(statement_octets, endorsements):
    """A bundle of a statement and endorsements as they are; sorts the endorsements."""
    ordered = sorted(endorsements, key=lambda one: one["body"]["authority"])
    encoded = b"".join(structures.encode("Endorsement", one) for one in ordered)
    return der.tlv(der.SEQUENCE, statement_octets, der.tlv(der.SEQUENCE, encoded))


def bundle(labels, **about):
    """A bundle by those authorities (`"bc"` or a list of labels); the rest goes to `statement` and `endorse`."""
    signing_options = {key: about.pop(key) for key in ("seen", "source", "age", "spoil") if key in about}
    octets = statement(**about)
    return join(octets, [endorse(octets, label, **signing_options) for label in labels])


def answer(*bundles):
    """An answer to 0xFF4D in hex."""
    return extension.encode_vouchers(bundles).hex()
