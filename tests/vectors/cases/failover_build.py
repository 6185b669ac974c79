"""How a case of failover.json is written: a server without vouchers of its own, beside it an alternate that is well."""

import functools

from reference import der, extension, signing

from . import verify_build, world
from .world import HOST, ca, ca_key, certificate, leaf, private_key


def long_length(octets):
    """The same certificate with four octets of length: BER, not DER."""
    content = der.only(octets, der.SEQUENCE)
    return der.tlv(der.SEQUENCE, content, length=b"\x84" + len(content).to_bytes(4, "big"))


# All end entities are on the key of `shop`, where the name does not say otherwise.
OWN = {
    "shop": world.CHAINS["shop"],
    "rogue": world.CHAINS["rogue"],
    "address": world.CHAINS["address"],
    "cross-signed": world.CHAINS["cross-signed"],
    "f": [leaf("f sub"), ca("f sub", "f root"), ca("f root")],
    "z-unlisted": [leaf("z sub"), ca("z sub", "z root"), ca("z root")],
    "d-below-unlisted": [leaf("d sub at a"), ca("d sub at a", "z root"), ca("z root")],
    "d-below-a": [leaf("d sub at a"), ca("d sub at a", "a root"), ca("a root")],
    "a-in-ber": [leaf("a sub"), long_length(ca("a sub", "a root")), ca("a root")],
    "of-32": [leaf("a sub"), ca("a sub", "a root")] + [ca("a root")] * 30,
    "of-33": [leaf("a sub"), ca("a sub", "a root")] + [ca("a root")] * 31,
}


def compressed(issuer, label):
    """An end entity on that key, its point compressed: the same key in other octets."""
    made = der.Reader(der.only(leaf(issuer, label), der.SEQUENCE))
    tbs, algorithm = made.whole_element(der.SEQUENCE), made.whole_element(der.SEQUENCE)
    usual = world.spki_of(private_key("leaf/" + label))
    point = usual[-65:]
    short = bytes([2 + point[-1] % 2]) + point[1:33]
    identifier = der.Reader(der.only(usual, der.SEQUENCE)).whole_element(der.SEQUENCE)
    spki = der.tlv(der.SEQUENCE, identifier, der.tlv(der.BIT_STRING, b"\0" + short))
    tbs = der.tlv(der.SEQUENCE, der.only(tbs, der.SEQUENCE).replace(usual, spki))
    signature = _ecdsa(ca_key(issuer), tbs)
    return der.tlv(der.SEQUENCE, tbs, algorithm, der.tlv(der.BIT_STRING, b"\0" + signature))


def _ecdsa(key, message):
    pair = signing.sign(key, message)
    half = len(pair) // 2
    numbers = [int.from_bytes(part, "big") for part in (pair[:half], pair[half:])]
    return der.tlv(der.SEQUENCE, *[der.tlv(der.INTEGER, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in numbers])


OTHER = "www.other.example"  # its pick: c, i, j, e
K = [ca("k sub", "k root"), ca("k root")]
ALTERNATES = {
    "k": [leaf("k sub"), *K],
    "k-other-key": [leaf("k sub", "another"), *K],
    "k-compressed": [compressed("k sub", "shop"), *K],
    "k-other-name": [leaf("k sub", sans=("mail.shop.example",)), *K],
    "k-two-names": [leaf("k sub", sans=(HOST, OTHER)), *K],
    "k-for-rogue": [leaf("k sub", "rogue"), *K],
    "k-for-address": [leaf("k sub", "address", ("192.0.2.10",)), *K],
    "k-cross-signed-by-a": [leaf("k sub"), ca("k sub", "k root"), ca("k root", "a root"), ca("a root")],
    "k-of-33": [leaf("k sub"), ca("k sub", "k root")] + [ca("k root")] * 31,
    "k-in-ber": [leaf("k sub"), long_length(ca("k sub", "k root")), ca("k root")],
    "a-again": [
        certificate(HOST, private_key("leaf/shop"), "a sub", ca_key("a sub"), ca=False, sans=(HOST,), serial=7),
        *world.CHAINS["shop"][1:],
    ],
    "a-second-root": [leaf("a sub 2"), ca("a sub 2", "a root 2"), ca("a root 2")],
    "b": [leaf("b sub"), ca("b sub", "b root"), ca("b root")],
    "c": [leaf("c sub"), ca("c sub", "c root"), ca("c root")],
    "d": [leaf("d sub"), ca("d sub", "d root"), ca("d root")],
    "z": [leaf("z sub", sans=(HOST, "mail.shop.example")), ca("z sub", "z root"), ca("z root")],
}
CHAINS = OWN | ALTERNATES


def vouch(labels, chain="k", **about):
    """A bundle about the end entity of that chain."""
    return world.bundle(labels, certificate=signing.sha256(CHAINS[chain][0]), **about)


@functools.cache
def good(chain="k"):
    return vouch("fd", chain)


def offer(*bundles, chain="k", served=None, verification="accepted", answer=None):
    """The members of `failover` that tell of the alternate; its chain is served without the anchor."""
    served = CHAINS[chain][:-1][:2] if served is None else served
    return {
        "answer": extension.encode_alternate(served, bundles).hex() if answer is None else answer,
        "verification": verification,
        "chain": chain if verification == "accepted" else None,
    }


NOTHING = {"answer": None, "verification": None, "chain": None}


def case(name, expect, alternate=None, *, own=(), spec="8 failover", **differs):
    """`own` are the bundles for the server's own certificate; `alternate` is one that is well unless given."""
    told = {member: differs.pop(member, False) for member in ("no_trusted_root", "tlsa")}
    asked = differs.pop("asked", True)
    if told["no_trusted_root"]:
        differs["chain_trusted"] = False
    alternate = offer(good()) if alternate is None else alternate
    made = verify_build.case(name, expect, *own, spec=spec, **differs)
    final = made.pop("expect")
    return made | {"failover": {"asked": asked} | told | alternate, "expect": final}


def used(cause, *notes, alarm=False, **after):
    """Accepted with the alternate; `cause` is why the server's own certificate failed."""
    verdict = verify_build.accepted(*notes, reported=True, **after)
    return verdict | {"alarm": alarm, "failover": {"alternate": "accepted", "cause": cause, "reported_as": cause}}


def kept(verdict, alternate=None):
    """The verdict on the server's own certificate stays; `alternate` is the code of one that was looked at."""
    code = "address_not_seen" if verdict["code"] == "accepted" else verdict["code"]
    reported_as = code if verdict["reported"] else None
    return verdict | {"failover": {"alternate": alternate, "cause": None, "reported_as": reported_as}}
