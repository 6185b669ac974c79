"""Check 14, the modes, remembered hosts (section 8)."""

from . import world
from .verify_build import NOT_JUDGED, accepted, case, exempt, refused, unvouched
from .world import DAY, HOST, LIFE, NOW, PRODUCED, bundle, endorse, join, statement

V4, V6 = world.ADDRESSES


def cases():
    return addresses() + modes() + promises() + broken_promises() + places()


def seen_by(**bits):
    """One bundle; for each authority which of the two addresses it saw."""
    octets = statement()
    return join(octets, [endorse(octets, label, seen=[c == "x" for c in seen]) for label, seen in bits.items()])


def addresses():
    both, only_v4 = bundle("fd"), seen_by(f="x-", d="x-")
    elsewhere = "198.51.100.7"
    return [
        case("peer_ipv4_seen", accepted(), only_v4, spec="8.14"),
        case("peer_ipv6_seen", accepted(), both, spec="8.14", peer=V6),
        case("peer_ipv6_seen_by_one", accepted(), seen_by(f="x-", d="-x"), spec="8.14", peer=V6, addresses="require"),
        case("peer_not_seen", accepted("address_not_seen", reported=True), only_v4, spec="8.14", peer=V6),
        case("peer_of_no_statement", accepted("address_not_seen", reported=True), both, spec="8.14", peer=elsewhere),
        case("peer_of_no_statement_ignored", accepted(), both, spec="8.14", peer=elsewhere, addresses="ignore"),
        case(
            "peer_of_no_statement_required",
            refused("address_not_seen", reported=True),
            both,
            spec="8.14",
            peer=elsewhere,
            addresses="require",
        ),
        case("peer_required_and_seen", accepted(), both, spec="8.14", addresses="require"),
        case("peer_unknown", accepted("peer_unknown"), both, spec="8.14", peer=None),
        case("peer_unknown_ignored", accepted(), both, spec="8.14", peer=None, addresses="ignore"),
        case("peer_unknown_required", refused("peer_unknown"), both, spec="8.14", peer=None, addresses="require"),
        case(
            "peer_and_port_unknown",
            accepted("peer_unknown", "port_not_compared"),
            both,
            spec="8.14",
            peer=None,
            port=None,
        ),
        case(
            "peer_seen_only_by_one_that_is_not_picked",
            refused("address_not_seen", reported=True),
            seen_by(f="x-", d="x-", c="xx"),
            spec="8.14",
            peer=V6,
            addresses="require",
        ),
        case(
            "peer_seen_only_by_the_fourth_of_the_pick",
            accepted(),
            seen_by(f="x-", d="x-", h="x-", b="-x"),
            spec="8.14",
            peer=V6,
            addresses="require",
        ),
        case(
            "peer_seen_only_by_one_with_a_bad_signature",
            refused("address_not_seen", reported=True),
            only_v4,
            bundle("h", spoil=lambda signature: bytes(len(signature))),
            spec="8.14",
            peer=V6,
            addresses="require",
        ),
        case(
            "peer_as_ipv4_mapped_address",
            accepted(),
            both,
            spec="8.14",
            peer="::ffff:192.0.2.10",
            assumption="an IPv4-mapped peer is the IPv4 address",
        ),
        case(
            "peer_not_looked_at_before_the_quorum",
            refused("suspicious_certificate", alarm=True),
            bundle("f"),
            spec="8.13",
            peer=elsewhere,
            addresses="require",
        ),
        case(
            "peer_required_and_let_through",
            unvouched("address_not_seen", reported=True),
            both,
            spec="8 modes",
            peer=elsewhere,
            addresses="require",
            mode="observe",
        ),
    ]


def modes():
    def each(name, code, *bundles, alarm=False, **differs):
        """What is refused in `require` is let through in the two milder modes and not judged in `off`."""
        return [
            case(f"{mode}_{name}", expect, *bundles, spec="8 modes", mode=mode, **differs)
            for mode, expect in (
                ("require", refused(code, alarm=alarm)),
                ("opportunistic", unvouched(code, alarm=alarm)),
                ("observe", unvouched(code, alarm=alarm)),
                ("off", NOT_JUDGED),
            )
        ]

    always = []
    for mode in ("opportunistic", "observe"):
        always += [
            case(f"{mode}_accepted", accepted(), bundle("fd"), spec="8 modes", mode=mode),
            case(f"{mode}_exempt", exempt("exempt_name"), spec="8 modes", mode=mode, exempt=[HOST]),
            case(
                f"{mode}_chain_not_trusted",
                refused("chain_not_trusted"),
                bundle("fd"),
                spec="8 modes",
                mode=mode,
                chain_trusted=False,
            ),
        ]
    return (
        each("without_answer", "no_voucher")
        + each("rogue_certificate", "suspicious_certificate", bundle("f", chain="rogue"), alarm=True, chain="rogue")
        + each("stolen_vouchers", "wrong_certificate", bundle("fdh"), alarm=True, chain="rogue")
        + each("expired", "expired", bundle("fd", produced=NOW - LIFE - 1))
        + each("no_list", "no_list", bundle("fd"), list=None)
        + each("unlisted_root", "root_not_listed", chain="unlisted-root")
        + each("no_reference_identity", "no_reference_identity", bundle("fd"), reference_identities=[], sni=None)
        + always
    )


def promise(host=HOST, days=30, produced=PRODUCED):
    return {host: {"produced_at": produced, "until": produced + days * DAY}}


def promises():
    def stay(name, before, after, *bundles, spec="8 remembered", **differs):
        differs = {"mode": "opportunistic"} | differs
        expect = accepted(remembered=after, until=differs.pop("until", PRODUCED + LIFE))
        return case("stay_" + name, expect, *bundles, spec=spec, remembered=before, **differs)

    held = promise(days=10)
    return [
        stay("30_days", {}, promise(), bundle("fd", stay=30)),
        stay("1_day", {}, promise(days=1), bundle("fd", stay=1)),
        stay("absent_promises_nothing", {}, {}, bundle("fd")),
        stay("0_promises_nothing", {}, {}, bundle("fd", stay=0)),
        stay(
            "absent_changes_nothing", promise(produced=PRODUCED - DAY), promise(produced=PRODUCED - DAY), bundle("fd")
        ),
        stay("0_takes_back", promise(produced=PRODUCED - DAY), {}, bundle("fd", stay=0)),
        stay("newer_is_shorter", promise(produced=PRODUCED - DAY), promise(days=2), bundle("fd", stay=2)),
        stay(
            "older_changes_nothing",
            promise(produced=PRODUCED + 1),
            promise(produced=PRODUCED + 1),
            bundle("fd", stay=2),
        ),
        stay(
            "older_0_takes_nothing_back",
            promise(produced=PRODUCED + 1),
            promise(produced=PRODUCED + 1),
            bundle("fd", stay=0),
        ),
        stay("same_again", held, held, bundle("fd", stay=10)),
        stay(
            "newest_of_two_bundles",
            {},
            promise(days=3),
            bundle("f", stay=20, produced=PRODUCED - 60),
            bundle("d", stay=3),
            until=PRODUCED - 60 + LIFE,
        ),
        stay(
            "newest_that_says_so",
            {},
            promise(days=20, produced=PRODUCED - 60),
            bundle("f", stay=20, produced=PRODUCED - 60),
            bundle("d"),
            until=PRODUCED - 60 + LIFE,
        ),
        stay("of_one_that_is_not_picked", {}, {}, bundle("fd"), bundle("c", stay=30, produced=PRODUCED + 60)),
        stay("of_a_bad_signature", {}, {}, bundle("fd"), bundle("h", stay=30, spoil=lambda signature: bytes(96))),
        stay(
            "not_in_mode_require",
            {},
            {},
            bundle("fd", stay=30),
            mode="require",
            assumption="only mode opportunistic remembers",
        ),
        stay(
            "not_in_mode_observe",
            {},
            {},
            bundle("fd", stay=30),
            mode="observe",
            assumption="only mode opportunistic remembers",
        ),
        stay(
            "of_another_host_is_left_alone",
            promise("mail.shop.example"),
            promise("mail.shop.example") | promise(days=5),
            bundle("fd", stay=5),
        ),
        stay(
            "of_one_identity_is_kept_under_the_name_of_the_pick",
            {},
            promise("mail.shop.example"),
            bundle("fd", stay=30),
            reference_identities=["mail.shop.example", HOST],
            sni=None,
        ),
        stay(
            "for_a_suffix_is_kept_without_its_dot",
            {},
            promise("shop.example"),
            bundle("fd", stay=30),
            reference_identities=[".shop.example"],
            sni=None,
        ),
        stay(
            "for_an_sni_that_a_suffix_matches",
            {},
            promise(),
            bundle("fd", stay=30),
            reference_identities=["shop.example", ".shop.example"],
        ),
    ]


def broken_promises():
    def after(name, expect, *bundles, **differs):
        differs = {"remembered": promise(), "mode": "opportunistic"} | differs
        return case("promised_" + name, expect, *bundles, spec="8 modes", **differs)

    end = NOW - 30 * DAY
    return [
        after("and_stripped", refused("no_voucher")),
        after("and_malformed", refused("answer_malformed"), answer=""),
        after("and_suspicious", refused("suspicious_certificate", alarm=True), bundle("f")),
        after("and_rogue_root", refused("root_not_listed"), chain="unlisted-root"),
        after("and_no_list", refused("no_list"), list=None),
        after("and_kept", accepted(), bundle("fd")),
        after("and_exempt", exempt("exempt_name"), exempt=[HOST]),
        after("until_now", refused("no_voucher"), remembered=promise(produced=end), assumption="until is inclusive"),
        after("until_a_second_ago", unvouched("no_voucher", remembered={}), remembered=promise(produced=end - 1)),
        after("by_another_host", unvouched("no_voucher"), remembered=promise("mail.shop.example")),
        after("but_mode_observe", unvouched("no_voucher"), mode="observe"),
        after("under_the_first_identity", refused("no_voucher"), reference_identities=[HOST, "mail.shop.example"], sni=None),
        after(
            "under_a_suffix",
            refused("no_voucher"),
            reference_identities=[".shop.example"],
            sni=None,
            remembered=promise("shop.example"),
        ),
        after("in_upper_case", refused("no_voucher"), reference_identities=["WWW.Shop.Example"]),
    ]


def places():
    full = {}
    for number in range(64):
        full |= promise(f"h{number}.shop.example", produced=PRODUCED - DAY)
    stale = full | promise("h7.shop.example", produced=PRODUCED - 40 * DAY)
    others = {}
    for number in range(64):
        others |= promise(f"h{number}.other.example", produced=PRODUCED - DAY)
    without = {host: entry for host, entry in stale.items() if host != "h7.shop.example"}
    refreshed = dict(list(full.items())[:63]) | promise(produced=PRODUCED - DAY)

    def place(name, before, after, days=30):
        return case(
            "places_" + name,
            accepted(remembered=after),
            bundle("fd", stay=days),
            spec="8 remembered",
            mode="opportunistic",
            remembered=before,
        )

    return [
        place("full", full, full),
        place("full_but_one_has_ended", stale, without | promise()),
        place("full_for_another_domain", others, others | promise()),
        place("full_and_it_has_one", refreshed, refreshed | promise(days=9), days=9),
    ]
