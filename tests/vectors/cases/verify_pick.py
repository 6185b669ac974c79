"""Check 13: who counts (sections 7 and 8). pick.json pins the picks that are named here."""

from . import world
from .verify_build import accepted, case, refused
from .verify_lists import TEN
from .world import bundle

SUSPICIOUS = refused("suspicious_certificate", alarm=True)
PICKS_HKIJ = (bytes(32)).hex()
PICKS_KL_THEN_B = (b"\x14" * 32).hex()
PICKS_ABD_THEN_L = (b"\x0d" * 32).hex()


def cases():
    return quorum() + members() + names() + without_secret()


def quorum():
    idea = {"candidates": 2, "quorum": 1, "spec": "7"}
    return [
        case("two_of_the_pick", accepted(), bundle("fd"), spec="8.13"),
        case("two_others_of_the_pick", accepted(), bundle("hb"), spec="8.13"),
        case("all_eleven_others", accepted(), bundle("bcdefghijkl"), spec="8.13"),
        case("one_of_the_pick", SUSPICIOUS, bundle("f"), spec="8.13"),
        case("one_of_the_pick_and_all_who_are_not_picked", SUSPICIOUS, bundle("fcegijkl"), spec="8.13"),
        case("only_who_are_not_picked", SUSPICIOUS, bundle("cegijkl"), spec="8.13"),
        case("quorum_4_with_4", accepted(), bundle("fdhb"), spec="8.13", quorum=4),
        case("quorum_4_with_3", SUSPICIOUS, bundle("fdh"), spec="8.13", quorum=4),
        case("quorum_1_with_the_last_of_four", accepted(), bundle("b"), spec="8.13", quorum=1),
        case("one_candidate_endorsed", accepted(), bundle("f"), spec="7", candidates=1, quorum=1),
        case("one_candidate_did_not_endorse", SUSPICIOUS, bundle("d"), spec="7", candidates=1, quorum=1),
        case("more_candidates_than_operators", accepted(), bundle("cg"), spec="7", candidates=31),
        case("original_idea_first", accepted(), bundle("f"), **idea),
        case("original_idea_second", accepted(), bundle("d"), **idea),
        case("original_idea_third_is_not_picked", SUSPICIOUS, bundle("h"), **idea),
        case("original_idea_without_vouchers", refused("no_voucher"), **idea),
        case(
            "over_two_bundles",
            accepted(until=world.NOW - 7200 + world.LIFE),
            bundle("f"),
            bundle("d", produced=world.NOW - 7200),
            spec="8.13",
        ),
    ]


def members():
    own = {"chain": "rogue"}
    return [
        case("ten_authorities_of_one_operator_count_once", SUSPICIOUS, bundle(TEN), spec="7", list="f_has_ten"),
        case(
            "ten_authorities_of_one_operator_and_another",
            accepted(),
            bundle([*TEN, "d"]),
            spec="7",
            list="f_has_ten",
        ),
        case(
            "one_authority_in_two_bundles_counts_once", SUSPICIOUS, bundle("f"), bundle("f", port=443, stay=1), spec="7"
        ),
        case(
            "nothing_replaces_a_member_that_owns", SUSPICIOUS, bundle("fdhk", chain="rogue"), spec="7", quorum=4, **own
        ),
        case("owner_in_the_pick_leaves_enough", accepted(), bundle("fdh", chain="rogue"), spec="7", quorum=3, **own),
        case("another_secret_other_members", accepted(), bundle("hk"), spec="7", secret=PICKS_HKIJ),
        case("another_secret_not_these", SUSPICIOUS, bundle("fd"), spec="7", secret=PICKS_HKIJ),
        case("code_says_nothing_of_the_pick_picked", SUSPICIOUS, bundle("f"), spec="8.13"),
        case("code_says_nothing_of_the_pick_not_picked", SUSPICIOUS, bundle("f"), spec="8.13", secret=PICKS_HKIJ),
        case(
            "two_of_one_country_the_last_gives_way",
            accepted(),
            bundle("b"),
            spec="7",
            candidates=2,
            quorum=1,
            secret=PICKS_KL_THEN_B,
        ),
        case(
            "two_of_one_country_who_gave_way",
            SUSPICIOUS,
            bundle("l"),
            spec="7",
            candidates=2,
            quorum=1,
            secret=PICKS_KL_THEN_B,
        ),
        case(
            "three_of_one_country_the_last_gives_way",
            accepted(),
            bundle("al", chain="rogue"),
            spec="7",
            candidates=3,
            secret=PICKS_ABD_THEN_L,
            chain="rogue",
        ),
        case("region_too_small_is_widened", accepted("region_widened"), bundle("fd"), spec="7", region="EU"),
        case(
            "region_too_small_is_widened_and_refused",
            refused("suspicious_certificate", "region_widened", alarm=True),
            bundle("fc"),
            spec="7",
            region="EU",
        ),
        case(
            "region_that_nobody_has",
            accepted("region_widened"),
            bundle("fd"),
            spec="7",
            region="MOON",
        ),
    ]


def names():
    other = "www.other.example"  # its pick: c, i, j, e
    return [
        case(
            "another_name_of_the_domain_has_the_same_pick",
            accepted(),
            bundle("fd", chain="two-names", host="mail.shop.example"),
            spec="7",
            chain="two-names",
            reference_identities=["mail.shop.example"],
            sni="mail.shop.example",
        ),
        case(
            "pick_for_the_sni_among_the_identities",
            accepted(),
            bundle("ci"),
            spec="7",
            reference_identities=[world.HOST, other],
            sni=other,
        ),
        case(
            "pick_for_the_sni_whichever_a_statement_names",
            SUSPICIOUS,
            bundle("fd"),
            spec="7",
            reference_identities=[world.HOST, other],
            sni=other,
        ),
        case(
            "pick_for_the_first_identity_where_the_sni_is_not_among_them",
            accepted(),
            bundle("fd"),
            spec="7",
            reference_identities=[world.HOST, "mail.shop.example"],
            sni=other,
        ),
        case(
            "pick_for_the_first_identity_without_sni",
            accepted(),
            bundle("ci"),
            spec="7",
            reference_identities=[other, world.HOST],
            sni=None,
        ),
        case(
            "second_identity_matches",
            accepted(),
            bundle("fd"),
            spec="8",
            reference_identities=["shop.example", world.HOST],
        ),
        case(
            "no_identity_matches",
            refused("wrong_host", alarm=True),
            bundle("fd"),
            spec="8.13i",
            reference_identities=["shop.example", "w.shop.example"],
        ),
        case("identity_in_upper_case", accepted(), bundle("fd"), spec="8", reference_identities=["WWW.SHOP.EXAMPLE"]),
        case("sni_in_upper_case", accepted(), bundle("fd"), spec="8", reference_identities=[], sni="WWW.Shop.Example"),
        case("leading_dot_is_a_suffix", accepted(), bundle("fd"), spec="8", reference_identities=[".shop.example"]),
        case(
            "leading_dot_covers_deeper_names",
            accepted(),
            bundle("fd", host="a.b.shop.example"),
            spec="8",
            reference_identities=[".shop.example"],
        ),
        case(
            "leading_dot_is_not_the_bare_domain",
            refused("wrong_host", alarm=True),
            bundle("fd", host="shop.example"),
            spec="8.13i",
            reference_identities=[".shop.example"],
        ),
        case(
            "leading_dot_ends_at_a_dot",
            refused("wrong_host", alarm=True),
            bundle("fd", host="www.evilshop.example"),
            spec="8.13i",
            reference_identities=[".shop.example"],
        ),
        case(
            "identity_without_dot_is_no_suffix",
            refused("wrong_host", alarm=True),
            bundle("fd"),
            spec="8.13i",
            reference_identities=["shop.example"],
        ),
        case(
            "address_as_identity",
            accepted(),
            bundle("il", chain="address", host="192.0.2.10", addresses=["192.0.2.10"]),
            spec="8",
            chain="address",
            reference_identities=["192.0.2.10"],
            sni=None,
        ),
        case(
            "another_address_as_identity",
            refused("wrong_host", alarm=True),
            bundle("il", chain="address", host="192.0.2.11", addresses=["192.0.2.11"]),
            spec="8.13i",
            chain="address",
            reference_identities=["192.0.2.10"],
            sni=None,
        ),
        case(
            "ipv6_address_as_identity",
            accepted(),
            bundle("cg", chain="address-v6", host="2001:db8::10", addresses=["2001:db8::10"]),
            spec="8",
            chain="address-v6",
            reference_identities=["2001:db8::10"],
            sni=None,
            peer="2001:db8::10",
        ),
        case(
            "ipv6_address_spelled_otherwise",
            accepted(),
            bundle("cg", chain="address-v6", host="2001:db8::10", addresses=["2001:db8::10"]),
            spec="8",
            chain="address-v6",
            reference_identities=["2001:DB8:0:0::0010"],
            sni=None,
            peer="2001:db8::10",
            assumption="an address that stands for itself in the pick is written as in RFC 5952",
        ),
    ]


def without_secret():
    def case_(name, expect, *bundles, **differs):
        return case("no_secret_" + name, expect, *bundles, spec="7", **({"secret": None} | differs))

    short = refused("suspicious_certificate", "no_secret", alarm=True)
    return [
        case_("six_of_eleven", accepted("no_secret"), bundle("cegijk")),
        case_("five_of_eleven", short, bundle("cegij")),
        case_("five_of_eleven_with_the_usual_pick", short, bundle("fdhbk")),
        case_("five_and_the_owner", short, bundle("acegij")),
        case_("six_of_ten", accepted("no_secret"), bundle("bdefgh", chain="cross-signed"), chain="cross-signed"),
        case_("five_of_ten", short, bundle("bdefg", chain="cross-signed"), chain="cross-signed"),
        case_("five_of_ten_as_f_is_not_active", short, bundle("bcdeg"), list="f_ends_now", now=world.NOW + 1),
        case_(
            "six_of_ten_as_f_is_not_active",
            accepted("no_secret"),
            bundle("bcdegh"),
            list="f_ends_now",
            now=world.NOW + 1,
        ),
        case_("six_authorities_of_one_operator", short, bundle(TEN[:6]), list="f_has_ten"),
        case_("six_of_eleven_but_quorum_7", short, bundle("cegijk"), candidates=8, quorum=7),
        case_("seven_of_eleven_and_quorum_7", accepted("no_secret"), bundle("cegijkl"), candidates=8, quorum=7),
        case_("quorum_1_does_not_help", short, bundle("f"), candidates=2, quorum=1),
        case_("region_is_ignored", accepted("no_secret"), bundle("cegijk"), region="EU"),
        case_(
            "without_machine_id", accepted("no_secret"), bundle("cegijk"), secret=world.SECRET.hex(), machine_id=None
        ),
        case_("without_machine_id_two_do_not_do", short, bundle("fd"), secret=world.SECRET.hex(), machine_id=None),
        case_("no_voucher", refused("no_voucher"), assumption="the notes of check 13 are not there before it"),
        case_("expired", refused("expired", "no_secret"), bundle("bcdefgh", produced=world.NOW - world.LIFE - 1)),
    ]
