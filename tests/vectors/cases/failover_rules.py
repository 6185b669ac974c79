"""Who counts for an alternate, the modes, exemptions, sessions and promises."""

from . import world
from .failover_build import OTHER, case, good, kept, offer, used, vouch
from .verify_build import accepted, refused, unvouched
from .verify_checks import root
from .verify_pick import PICKS_HKIJ
from .verify_policy import promise
from .world import DAY, HOST, LIFE, NOW, PRODUCED, bundle


def cases():
    return crosswise() + picks() + without_secret() + modes() + exemptions() + sessions() + promises() + alarms()


def crosswise():
    """F and C hold a certificate each, and an authority each: each vouches for the other's certificate."""
    both = {"chain": "f", "candidates": 1, "quorum": 1, "own": [vouch("c", "f")]}
    alternate = offer(vouch("f", "c"), chain="c")
    return [
        case(
            "crosswise_for_a_client_that_picked_the_first",
            kept(refused("suspicious_certificate", alarm=True), "own_operator"),
            alternate,
            **both,
        ),
        case(
            "crosswise_for_a_client_that_picked_the_second",
            kept(accepted()),
            alternate,
            reference_identities=[OTHER, HOST],
            sni=None,
            **both,
        ),
        case(
            "crosswise_with_help_that_is_not_enough",
            kept(refused("suspicious_certificate", alarm=True), "suspicious_certificate"),
            offer(vouch("fd", "c"), chain="c"),
            **(both | {"candidates": 4, "quorum": 2}),
        ),
        case(
            "crosswise_with_help_that_is_enough",
            used("suspicious_certificate", alarm=True),
            offer(vouch("fdh", "c"), chain="c"),
            **(both | {"candidates": 4, "quorum": 2}),
        ),
        case(
            "crosswise_where_the_first_has_no_trusted_root",
            used("chain_not_trusted"),
            alternate,
            no_trusted_root=True,
            **both,
        ),
    ]


def picks():
    suspicious = "suspicious_certificate"
    unpicked = offer(vouch("cegij"))
    two = {"reference_identities": [HOST, OTHER]}
    others = offer(vouch("ci", "k-two-names", host=OTHER), chain="k-two-names")
    return [
        case("picked_operators_vouch", used("no_voucher"), offer(vouch("fd"))),
        case("quorum_4_with_4", used("no_voucher"), offer(vouch("fdhb")), quorum=4),
        case("quorum_4_with_3", kept(refused("no_voucher"), suspicious), offer(vouch("fdh")), quorum=4),
        case("others_vouch", kept(refused("no_voucher"), suspicious), unpicked),
        case("others_vouch_and_another_secret_picks_them", used("no_voucher"), unpicked, secret=PICKS_HKIJ),
        case("pick_is_not_that_of_the_other_name", kept(refused("no_voucher"), suspicious), others, **two),
        case("pick_of_the_other_name_where_that_is_the_sni", used("no_voucher"), others, **two, sni=OTHER),
        case(
            "nothing_replaces_a_picked_owner_of_the_alternate",
            kept(refused("no_voucher"), suspicious),
            offer(vouch("fdhce", "b"), chain="b"),
            quorum=4,
        ),
        case(
            "picked_owner_of_the_alternate_leaves_enough",
            used("no_voucher"),
            offer(vouch("fdh", "b"), chain="b"),
            quorum=3,
        ),
        case(
            "picked_owner_of_the_first_chain_does_not_count",
            kept(refused("no_voucher"), suspicious),
            offer(vouch("fd")),
            chain="f",
        ),
        case(
            "picked_owner_of_the_first_chain_counts_where_that_is_not_trusted",
            used("chain_not_trusted"),
            offer(vouch("fd")),
            chain="f",
            no_trusted_root=True,
        ),
        case("region_is_widened", used("no_voucher", "region_widened"), region="EU"),
        case(
            "region_is_widened_and_refused",
            kept(refused("suspicious_certificate", "region_widened", alarm=True), suspicious),
            offer(vouch("fc")),
            own=[bundle("fc")],
            region="EU",
        ),
        case(
            "notes_of_an_alternate_that_failed_are_not_kept",
            kept(refused("no_voucher"), suspicious),
            offer(vouch("fc")),
            region="EU",
        ),
        case(
            "address_as_identity",
            used("no_voucher"),
            offer(vouch("il", "k-for-address", host="192.0.2.10", addresses=["192.0.2.10"]), chain="k-for-address"),
            chain="address",
            reference_identities=["192.0.2.10"],
            sni=None,
        ),
    ]


def without_secret():
    """Eleven operators own nothing in `shop`, ten where the alternate's owner is left out, nine beside `cross-signed`."""

    def none(name, expect, labels, **differs):
        return case("no_secret_" + name, expect, offer(vouch(labels)), **({"secret": None} | differs))

    suspicious = "suspicious_certificate"
    lost = kept(refused("no_voucher"), suspicious)
    untrusted = kept(refused("chain_not_trusted"), suspicious)
    enough = used("no_voucher", "no_secret")
    return [
        none("six_of_ten", enough, "cegijl"),
        none("five_of_ten", lost, "cegij"),
        none("five_of_ten_and_the_owners_of_both_chains", lost, "acegijk"),
        none("five_of_nine", enough, "egijl", chain="cross-signed"),
        none("four_of_nine", lost, "egij", chain="cross-signed"),
        none("four_of_nine_and_the_owners_of_both_chains", lost, "acegijk", chain="cross-signed"),
        none(
            "five_of_eleven_where_the_first_has_no_trusted_root",
            untrusted,
            "acegi",
            chain="cross-signed",
            no_trusted_root=True,
        ),
        none(
            "six_of_eleven_where_the_first_has_no_trusted_root",
            used("chain_not_trusted", "no_secret"),
            "acegij",
            chain="cross-signed",
            no_trusted_root=True,
        ),
        none("quorum_above_the_majority", lost, "cegijl", quorum=7, candidates=8),
        none("quorum_above_the_majority_reached", enough, "cegijlb", quorum=7, candidates=8),
        none("without_machine_id", enough, "cegijl", secret=world.SECRET.hex(), machine_id=None),
    ]


def modes():
    broken = offer(verification="refused")
    found = []
    for mode, host in (
        ("require", "new"),
        ("opportunistic", "new"),
        ("opportunistic", "remembered"),
        ("observe", "new"),
    ):
        given = {"mode": mode, "remembered": promise() if host == "remembered" else {}}
        name = mode if host == "new" else f"{mode}_{host}"
        must = mode == "require" or host == "remembered"
        fallen = (refused if must else unvouched)("no_voucher")
        found += [
            case(f"{name}_with_an_alternate", used("no_voucher"), **given),
            case(f"{name}_with_a_broken_alternate", kept(fallen, "alternate_not_trusted"), broken, **given),
            case(
                f"{name}_without_a_trusted_root",
                used("chain_not_trusted"),
                no_trusted_root=True,
                **given,
            ),
            case(
                f"{name}_without_a_trusted_root_with_a_broken_alternate",
                kept(refused("chain_not_trusted"), "alternate_not_trusted"),
                broken,
                no_trusted_root=True,
                **given,
            ),
            case(
                f"{name}_with_an_answer_that_is_malformed",
                kept((refused if must else unvouched)("answer_malformed")),
                answer="",
                **given,
            ),
        ]
    return found


def exemptions():
    """Names that are exempt and local roots play no part for an alternate."""
    fallen = kept(refused("chain_not_trusted"), "no_voucher")
    z = offer(good("z"), chain="z")
    return [
        case("exempt_name_and_no_vouchers", fallen, offer(), no_trusted_root=True, exempt=[HOST]),
        case("exempt_name_and_vouchers", used("chain_not_trusted"), no_trusted_root=True, exempt=[HOST]),
        case(
            "alternate_below_a_local_root_and_no_vouchers",
            fallen,
            offer(),
            no_trusted_root=True,
            local_roots=[root("k root")],
        ),
        case("alternate_below_a_local_root", used("no_voucher"), local_roots=[root("k root")]),
        case(
            "alternate_below_a_local_root_that_is_not_listed",
            kept(refused("chain_not_trusted"), "root_not_listed"),
            z,
            no_trusted_root=True,
            local_roots=[root("z root")],
        ),
        case(
            "own_root_is_local_and_not_trusted",
            used("chain_not_trusted"),
            no_trusted_root=True,
            local_roots=[root("a root")],
        ),
    ]


def sessions():
    return [
        case(
            "session_ends_with_the_earliest_of_the_alternate",
            used("no_voucher", until=NOW + 10),
            offer(vouch("f"), vouch("d", produced=NOW + 10 - LIFE)),
        ),
        case(
            "session_does_not_end_with_the_first_certificate_s_vouchers",
            used("suspicious_certificate", alarm=True),
            offer(vouch("fd")),
            own=[bundle("f", produced=NOW + 10 - LIFE)],
        ),
        case(
            "over_two_bundles_and_one_that_does_not_decode",
            used("no_voucher"),
            offer(vouch("h")[:-1], vouch("f"), vouch("d")),
        ),
        case(
            "over_two_bundles_of_two_ports",
            kept(refused("no_voucher"), "suspicious_certificate"),
            offer(vouch("f"), vouch("d", port=8443)),
        ),
    ]


def promises():
    def stay(name, before, after, *bundles, own=(), cause="no_voucher", until=PRODUCED + LIFE, **differs):
        differs = {"mode": "opportunistic"} | differs
        expect = used(cause, remembered=after, until=until, alarm=bool(own))
        return case("stay_" + name, expect, offer(*bundles), own=own, remembered=before, **differs)

    earlier, suspicious = promise(produced=PRODUCED - DAY), "suspicious_certificate"
    return [
        stay("30_days", {}, promise(), vouch("fd", stay=30)),
        stay("0_takes_back", earlier, {}, vouch("fd", stay=0)),
        stay("absent_changes_nothing", earlier, earlier, vouch("fd")),
        stay(
            "of_the_first_certificate_says_nothing", {}, {}, vouch("fd"), own=[bundle("f", stay=30)], cause=suspicious
        ),
        stay(
            "of_the_alternate_alone",
            {},
            promise(days=3),
            vouch("fd", stay=3),
            own=[bundle("f", stay=30)],
            cause=suspicious,
        ),
        stay(
            "newest_of_two_bundles",
            {},
            promise(days=3),
            vouch("f", stay=20, produced=PRODUCED - 60),
            vouch("d", stay=3),
            until=PRODUCED - 60 + LIFE,
        ),
        stay("not_in_mode_require", {}, {}, vouch("fd", stay=30), mode="require"),
        case(
            "stay_of_an_alternate_that_failed",
            kept(unvouched("no_voucher"), "suspicious_certificate"),
            offer(vouch("f", stay=30)),
            mode="opportunistic",
        ),
    ]


def alarms():
    seen = {"own": [bundle("f")]}
    suspicious = "suspicious_certificate"
    return [
        case("alarm_stays_where_the_alternate_is_accepted", used(suspicious, alarm=True), **seen),
        case(
            "alarm_stays_where_the_alternate_fails",
            kept(refused(suspicious, alarm=True), "alternate_not_trusted"),
            offer(verification="refused"),
            **seen,
        ),
        case(
            "alarm_in_mode_observe",
            used(suspicious, alarm=True),
            mode="observe",
            **seen,
        ),
        case(
            "alternate_that_misses_the_quorum_is_no_alarm",
            kept(refused("no_voucher"), "wrong_host"),
            offer(vouch("fd", host="mail.shop.example")),
        ),
        case(
            "report_has_the_cause_though_the_address_was_not_seen",
            used("no_voucher", "address_not_seen"),
            peer="198.51.100.7",
        ),
    ]
