"""Checks 1 to 12 and the exemptions (section 8)."""

from reference import extension

from . import world
from .verify_build import accepted, case, exempt, refused, unvouched
from .world import answer, bundle

GOOD = bundle("fdhb")


def cases():
    return chain() + identity() + exemptions() + local() + listed() + answers()


def chain():
    return [
        case("chain_not_trusted", refused("chain_not_trusted"), GOOD, spec="8.1", chain_trusted=False),
        case("chain_not_trusted_before_dane", refused("chain_not_trusted"), spec="8.1", chain_trusted=False, dane=True),
        case(
            "chain_not_trusted_before_an_exempt_name",
            refused("chain_not_trusted"),
            spec="8.1",
            chain_trusted=False,
            exempt=[world.HOST],
        ),
        case("dane_match_without_vouchers", exempt("exempt_dane"), spec="8.3", dane=True),
        case("dane_match_without_list", exempt("exempt_dane"), spec="8.3", dane=True, list=None),
        case(
            "local_root", exempt("exempt_local_root"), spec="8.4", chain="unlisted-root", local_roots=[root("z root")]
        ),
        case(
            "local_root_without_reference_identity",
            exempt("exempt_local_root"),
            spec="8.4",
            chain="unlisted-root",
            local_roots=[root("z root")],
            reference_identities=[],
            sni=None,
        ),
        case("local_root_that_is_listed", exempt("exempt_local_root"), spec="8.4", local_roots=[root("a root")]),
        case("local_root_below_the_anchor", refused("no_voucher"), spec="8.4", local_roots=[root("a sub")]),
        case("another_local_root", refused("no_voucher"), spec="8.4", local_roots=[root("z root")]),
    ]


def root(name):
    return world.spki_hash(world.ca_key(name)).hex()


def identity():
    return [
        case(
            "no_reference_identity",
            refused("no_reference_identity"),
            GOOD,
            spec="8.5",
            reference_identities=[],
            sni=None,
        ),
        case("reference_identity_from_sni", accepted(), GOOD, spec="8", reference_identities=[]),
        case(
            "reference_identities_without_sni",
            accepted(),
            GOOD,
            spec="8",
            sni=None,
        ),
    ]


def exemptions():
    address = {"chain": "address", "reference_identities": ["192.0.2.10"], "sni": None}
    return [
        case("exempt_name", exempt("exempt_name"), spec="8.6", exempt=["other.example", world.HOST]),
        case(
            "exempt_name_in_upper_case",
            exempt("exempt_name"),
            spec="8.6",
            reference_identities=["WWW.Shop.Example"],
            exempt=[world.HOST],
        ),
        case("exempt_suffix", exempt("exempt_name"), spec="8.6", exempt=["*.example"]),
        case(
            "exempt_suffix_is_not_its_own_domain",
            refused("no_voucher"),
            spec="8.6",
            exempt=["*.www.shop.example"],
            assumption="*.x covers every name below x, at any depth, and not x itself",
        ),
        case(
            "exempt_suffix_ends_at_a_dot",
            refused("no_voucher"),
            spec="8.6",
            reference_identities=["www.evilshop.example"],
            exempt=["*.shop.example"],
        ),
        case("exempt_name_of_another", refused("no_voucher"), spec="8.6", exempt=["mail.shop.example"]),
        case("exempt_range_ipv4", exempt("exempt_address"), spec="8.6", exempt=["192.0.2.0/28"], **address),
        case(
            "exempt_range_ipv6",
            exempt("exempt_address"),
            spec="8.6",
            exempt=["2001:db8::/64"],
            chain="address-v6",
            reference_identities=["2001:db8::10"],
            sni=None,
        ),
        case("outside_the_exempt_range", refused("no_voucher"), spec="8.6", exempt=["192.0.2.0/29"], **address),
        case("peer_in_an_exempt_range_but_meant_by_name", refused("no_voucher"), spec="8.6", exempt=["192.0.2.0/24"]),
        case(
            "one_of_two_identities_exempt",
            refused("no_voucher"),
            spec="8.6",
            reference_identities=[world.HOST, "mail.shop.example"],
            exempt=["mail.shop.example"],
        ),
        case(
            "both_identities_exempt",
            exempt("exempt_name"),
            spec="8.6",
            reference_identities=[world.HOST, "mail.shop.example"],
            exempt=["*.shop.example"],
        ),
        case("exempt_name_without_list", exempt("exempt_name"), spec="8.6", exempt=[world.HOST], list=None),
    ]


def local():
    return [
        case("configuration_unreadable", refused("configuration"), GOOD, spec="8.2", policy=None),
        case(
            "configuration_unreadable_and_chain_not_trusted",
            refused("chain_not_trusted"),
            spec="8.1",
            policy=None,
            chain_trusted=False,
        ),
        case("configuration_unreadable_before_dane", refused("configuration"), spec="8.2", policy=None, dane=True),
        case(
            "configuration_unreadable_before_no_reference_identity",
            refused("configuration"),
            spec="8.2",
            policy=None,
            reference_identities=[],
            sni=None,
        ),
        case("no_list", refused("no_list"), GOOD, spec="8.7", list=None),
        case("list_malformed", refused("list_malformed"), GOOD, spec="8.7", list="without_expires"),
        case("list_without_signature", refused("list_unsigned"), GOOD, spec="8.7", list="unsigned"),
        case("list_signed_by_a_stranger", refused("list_unsigned"), GOOD, spec="8.7", list="signed_by_a_stranger"),
        case("list_rolled_back", refused("list_rolled_back"), GOOD, spec="8.7", lowest_sequence=18),
        case("list_of_the_same_sequence", accepted(), GOOD, spec="8.7", lowest_sequence=17),
        case("list_in_its_last_second", accepted(), GOOD, spec="8.8", list="expires_now"),
        case("list_expired", refused("list_expired"), GOOD, spec="8.8", list="expired_a_second_ago"),
        case("list_issued_300_s_ahead", accepted(), GOOD, spec="8.9", list="issued_in_300_s"),
        case("list_issued_301_s_ahead", refused("clock_behind"), GOOD, spec="8.9", list="issued_in_301_s"),
        case("no_list_before_root_not_listed", refused("no_list"), spec="8.7", list=None, chain="unlisted-root"),
        case(
            "list_expired_before_root_not_listed",
            refused("list_expired"),
            spec="8.8",
            list="expired_a_second_ago",
            chain="unlisted-root",
        ),
    ]


def listed():
    unlisted = bundle("fdhb", chain="unlisted-root")
    below = bundle("fhb", chain="listed-sub-below-unlisted-root")
    alone = bundle("fdhb", chain="self-signed")
    return [
        case("root_not_listed", refused("root_not_listed"), unlisted, spec="8.10", chain="unlisted-root"),
        case(
            "listed_intermediate_below_an_unlisted_root",
            refused("root_not_listed"),
            below,
            spec="8.10",
            chain="listed-sub-below-unlisted-root",
        ),
        case("end_entity_is_its_own_anchor", refused("root_not_listed"), alone, spec="8.10", chain="self-signed"),
        case("root_not_listed_before_no_voucher", refused("root_not_listed"), spec="8.10", chain="unlisted-root"),
    ]


def answers():
    good = bytes.fromhex(answer(GOOD))
    return [
        case("no_answer", refused("no_voucher"), spec="8.11"),
        case("answer_of_16384_octets", accepted(), spec="8.12", answer=padded(16_384)),
        case("answer_of_16385_octets", refused("answer_too_large"), spec="8.12", answer=padded(16_385)),
        case(
            "answer_too_large_before_malformed",
            refused("answer_too_large"),
            spec="8.12",
            answer=padded(16_384) + "00",
        ),
        case("answer_empty", refused("answer_malformed"), spec="8.12", answer=""),
        case("answer_without_bundles", refused("answer_malformed"), spec="8.12", answer="0000"),
        case("answer_with_an_empty_bundle", refused("answer_malformed"), spec="8.12", answer="00020000"),
        case("answer_with_a_trailing_octet", refused("answer_malformed"), spec="8.12", answer=(good + b"\0").hex()),
        case("answer_truncated", refused("answer_malformed"), spec="8.12", answer=good[:-1].hex()),
        case(
            "answer_with_a_good_bundle_and_a_torn_one",
            refused("answer_malformed"),
            spec="8.12",
            answer=extension.vector(extension.vector(GOOD), b"\0").hex(),
        ),
        case("answer_malformed_is_let_through", unvouched("answer_malformed"), spec="8.12", answer="", mode="observe"),
    ]


def padded(size):
    """An acceptable answer of that many octets: the rest is a bundle whose signature is too long."""
    spare = size - len(bytes.fromhex(answer(GOOD)))
    for length in range(spare - 400, spare):
        made = answer(GOOD, bundle("x", spoil=lambda signature: bytes(length)))
        if len(made) == 2 * size:
            return made
    raise AssertionError(f"no answer of {size} octets")
