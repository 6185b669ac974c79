"""Alternates that fail, by each check of theirs; the server's own certificate has no vouchers unless it says so."""

from reference import der, extension

from . import world
from .failover_build import CHAINS, case, good, kept, long_length, offer, used, vouch
from .verify_build import refused
from .verify_checks import root
from .world import HOST, LIFE, NOW, bundle


def cases():
    return forms() + keys() + verification() + lists() + operators() + bundles() + addresses() + order()


def fails(name, code, alternate=None, **differs):
    return case("alternate_" + name, kept(refused("no_voucher"), code), alternate, **differs)


def does(name, alternate=None, **differs):
    return case("alternate_" + name, used("no_voucher"), alternate, **differs)


def padded(size):
    """A good alternate's answer of that many octets: the rest is a bundle whose signature is too long."""
    spare = size - len(bytes.fromhex(offer(good())["answer"]))
    for length in range(spare - 400, spare):
        made = offer(good(), vouch("x", spoil=lambda signature: bytes(length)))
        if len(made["answer"]) == 2 * size:
            return made
    raise AssertionError(f"no answer of {size} octets")


def forms():
    usual = offer(good())["answer"]
    end_entity, sub = CHAINS["k"][:2]
    return [
        does("of_16384_octets", padded(16_384)),
        fails("of_16385_octets", "alternate_too_large", padded(16_385)),
        fails("too_large_before_malformed", "alternate_too_large", offer(answer="ff" * 16_385)),
        fails("empty", "alternate_malformed", offer(answer="")),
        fails("torn", "alternate_malformed", offer(answer=usual[:-2])),
        fails("with_a_trailing_octet", "alternate_malformed", offer(answer=usual + "00")),
        fails("without_a_vector_of_bundles", "alternate_malformed", offer(answer=chain_only())),
        fails("without_a_chain", "alternate_malformed", offer(good(), served=[])),
        fails("with_an_empty_bundle", "alternate_malformed", offer(b"")),
        fails("with_an_empty_certificate", "alternate_malformed", offer(good(), served=[end_entity, b""])),
        does("chain_of_ten", offer(good(), served=[end_entity] + [sub] * 9)),
        fails("chain_of_eleven", "alternate_malformed", offer(good(), served=[end_entity] + [sub] * 10)),
        does("chain_of_one", offer(good(), served=[end_entity])),
        fails("first_certificate_is_octets", "alternate_malformed", offer(good(), served=[b"\x30\x00", sub])),
        fails("first_certificate_torn", "alternate_malformed", offer(good(), served=[end_entity[:-1], sub])),
        fails(
            "first_certificate_with_a_trailing_octet", "alternate_malformed", offer(good(), served=[end_entity + b"\0"])
        ),
        fails("first_certificate_in_ber", "alternate_malformed", offer(good(), served=[long_length(end_entity), sub])),
        fails("second_certificate_is_octets", "alternate_malformed", offer(good(), served=[end_entity, b"\x30\x00"])),
    ]


def chain_only():
    return extension.vector(*[extension.vector(one) for one in CHAINS["k"][:2]]).hex()


def keys():
    other, pressed = "k-other-key", "k-compressed"
    return [
        fails("on_another_key", "alternate_other_key", offer(good(other), chain=other)),
        fails("on_the_same_key_in_other_octets", "alternate_other_key", offer(good(pressed), chain=pressed)),
        fails("on_the_key_of_its_second_place", "alternate_other_key", offer(good(), served=CHAINS["k"][1::-1])),
        case(
            "alternate_on_another_key_and_own_without_a_trusted_root",
            kept(refused("chain_not_trusted"), "alternate_other_key"),
            offer(good(other), chain=other),
            no_trusted_root=True,
        ),
    ]


def verification():
    named = offer(vouch("fd", "k-other-name"), served=CHAINS["k-other-name"][:2], verification="wrong_name")
    return [
        fails("refused", "alternate_not_trusted", offer(good(), verification="refused")),
        fails("without_a_trusted_root", "alternate_not_trusted", offer(good(), verification="no_trusted_root")),
        case(
            "neither_has_a_trusted_root",
            kept(refused("chain_not_trusted"), "alternate_not_trusted"),
            offer(good(), verification="no_trusted_root"),
            no_trusted_root=True,
        ),
        fails("for_another_name", "alternate_wrong_name", named),
    ]


def lists():
    """Checks 7 to 10: the first three are reached where the program trusts no root of the server's own chain."""

    def unusable(code, **differs):
        expect = kept(refused("chain_not_trusted"), code)
        return case("alternate_" + differs.pop("as_", code), expect, no_trusted_root=True, **differs)

    z = offer(good("z"), chain="z")
    long = offer(good("k-of-33"), chain="k-of-33")
    # The program has the CA certificate in BER among its own; one that is served is not even offered.
    ber = offer(good("k-in-ber"), chain="k-in-ber", served=CHAINS["k-in-ber"][:1])
    served_ber = offer(good("k-in-ber"), chain="k-in-ber")
    return [
        unusable("no_list", list=None),
        unusable("list_malformed", list="without_expires"),
        unusable("list_unsigned", list="unsigned"),
        unusable("list_rolled_back", lowest_sequence=18),
        unusable("list_expired", list="expired_a_second_ago"),
        unusable("clock_behind", list="issued_in_301_s", as_="list_issued_ahead"),
        unusable("root_not_listed", alternate=z, as_="root_not_listed_and_own_without_a_trusted_root"),
        fails("root_not_listed", "root_not_listed", z),
        fails("root_not_listed_but_local", "root_not_listed", z, local_roots=[root("z root")]),
        fails("verified_chain_of_33", "root_not_listed", long),
        fails("verified_chain_in_ber", "root_not_listed", ber),
        fails("served_chain_in_ber", "alternate_malformed", served_ber),
    ]


def operators():
    def alternate(chain, labels="fhb"):
        return offer(vouch(labels, chain), chain=chain)

    same = "alternate_same_operator"
    below = {"own": [bundle("fhb", certificate=world.signing.sha256(CHAINS["d-below-unlisted"][0]))]}
    return [
        fails("from_the_same_ca", same, alternate("a-again")),
        fails("from_another_root_of_the_operator", same, alternate("a-second-root")),
        fails("cross_signed_by_the_operator", same, alternate("k-cross-signed-by-a")),
        fails("from_the_operator_of_an_intermediate", same, alternate("d"), chain="d-below-a"),
        fails("from_an_operator_that_cross_signed", same, alternate("c"), chain="cross-signed"),
        does("of_none_of_the_operators", alternate("k"), chain="cross-signed"),
        case(
            "alternate_from_the_same_ca_whose_root_is_not_trusted_here",
            used("chain_not_trusted"),
            alternate("a-second-root"),
            no_trusted_root=True,
        ),
        case(
            "alternate_from_the_operator_of_a_key_below_an_unlisted_root",
            kept(refused("root_not_listed"), same),
            alternate("d"),
            chain="d-below-unlisted",
            **below,
        ),
    ]


# A bundle for the alternate that fails at each step of check 13, for the list `mixed`.
FAILING = {
    "malformed": lambda: vouch("f")[:-1],
    "unknown_version": lambda: vouch("f").replace(bytes.fromhex("020101"), der.tlv(der.INTEGER, b"\2"), 1),
    "too_long_lived": lambda: vouch("f", life=LIFE + 1),
    "unknown_authority": lambda: vouch("x"),
    "unknown_algorithm": lambda: vouch(["rsa"]),
    "authority_not_valid": lambda: vouch(["f-old"]),
    "bad_signature": lambda: vouch("f", spoil=lambda signature: bytes(64)),
    "clock_behind": lambda: vouch("f", produced=NOW + 301),
    "expired": lambda: vouch("f", produced=NOW - LIFE - 1),
    "wrong_certificate": lambda: bundle("f"),
    "wrong_host": lambda: vouch("f", host="mail.shop.example"),
    "wrong_port": lambda: vouch("f", port=8443),
    "own_operator": lambda: vouch("k"),
    "suspicious_certificate": lambda: vouch("f"),
}


def bundles():
    found = [fails(code, code, offer(octets()), list="mixed") for code, octets in FAILING.items()]
    return found + [
        fails("without_bundles", "no_voucher", offer()),
        fails("vouched_for_by_the_owner_of_the_first_chain", "own_operator", offer(vouch("a"))),
        fails("vouched_for_by_the_owners_of_both_chains", "own_operator", offer(vouch("ak"))),
        fails("vouched_for_by_an_owner_and_one_of_the_pick", "suspicious_certificate", offer(vouch("af"))),
        fails("with_the_vouchers_of_the_first", "wrong_certificate", offer(bundle("fdhb"))),
        case(
            "alternate_vouched_for_in_the_answer_of_the_first_alone",
            kept(refused("wrong_certificate", alarm=True), "no_voucher"),
            offer(),
            own=[good()],
        ),
        case(
            "alternate_vouched_for_half_in_the_answer_of_the_first",
            kept(refused("wrong_certificate", alarm=True), "suspicious_certificate"),
            offer(vouch("d")),
            own=[vouch("f")],
        ),
        case(
            "half_a_quorum_for_each_certificate",
            kept(refused("suspicious_certificate", alarm=True), "suspicious_certificate"),
            offer(vouch("d")),
            own=[bundle("f")],
        ),
    ]


def addresses():
    elsewhere, (v4, v6) = "198.51.100.7", world.ADDRESSES
    octets = world.statement(certificate=world.signing.sha256(CHAINS["k"][0]))
    by_v4 = world.join(octets, [world.endorse(octets, label, seen=[True, False]) for label in "fd"])
    required = {"addresses": "require"}
    return [
        does("at_a_peer_that_was_seen", offer(by_v4), peer=v4, **required),
        fails("at_a_peer_that_was_not_seen", "address_not_seen", offer(by_v4), peer=v6, **required),
        fails("at_a_peer_of_no_statement", "address_not_seen", peer=elsewhere, **required),
        fails("at_a_peer_that_is_unknown", "peer_unknown", peer=None, **required),
        case(
            "alternate_noted_at_a_peer_that_was_not_seen", used("no_voucher", "address_not_seen"), offer(by_v4), peer=v6
        ),
        case("alternate_noted_at_a_peer_that_is_unknown", used("no_voucher", "peer_unknown"), peer=None),
        does("at_any_peer", offer(by_v4), peer=elsewhere, addresses="ignore"),
        case("alternate_where_the_port_is_not_stated", used("no_voucher", "port_not_compared"), port=None),
    ]


def order():
    """Two defects at once: the earlier check tells."""
    eleven = [CHAINS["k-other-key"][0]] + [CHAINS["k"][1]] * 10
    other_key = {"chain": "k-other-key", "served": CHAINS["k-other-key"][:2]}
    wrong_name = {"served": CHAINS["k-other-name"][:2], "verification": "wrong_name"}
    unlisted_sub = offer(chain="z")
    same = offer(chain="a-second-root")
    return [
        fails("malformed_before_other_key", "alternate_malformed", offer(served=eleven)),
        fails("other_key_before_not_trusted", "alternate_other_key", offer(**other_key, verification="refused")),
        fails("other_key_before_wrong_name", "alternate_other_key", offer(**other_key, verification="wrong_name")),
        case(
            "alternate_wrong_name_before_no_list",
            kept(refused("chain_not_trusted"), "alternate_wrong_name"),
            offer(**wrong_name),
            list=None,
            no_trusted_root=True,
        ),
        case(
            "alternate_no_list_before_root_not_listed",
            kept(refused("chain_not_trusted"), "no_list"),
            unlisted_sub,
            list=None,
            no_trusted_root=True,
        ),
        fails("root_not_listed_before_no_voucher", "root_not_listed", unlisted_sub),
        fails("same_operator_before_no_voucher", "alternate_same_operator", same),
        fails("vouchers_before_the_address", "no_voucher", offer(), peer="198.51.100.7", addresses="require"),
        case(
            "alternate_not_trusted_before_same_operator",
            kept(refused("no_voucher"), "alternate_not_trusted"),
            offer(chain="a-second-root", verification="refused"),
            reference_identities=[HOST],
        ),
    ]
