"""What the server's own certificate fails for, beside an alternate that is well."""

from . import failover_build, world
from .failover_build import case, good, kept, offer, used, vouch
from .verify_build import NOT_JUDGED, accepted, exempt, refused
from .verify_checks import padded, root
from .verify_endorsements import ALARMING, FAILING
from .world import HOST, bundle


def cases():
    return chain() + local() + roots() + answers() + endorsements() + addresses() + not_failed() + not_asked()


def connection(name, code, **differs):
    """The cause does not lie with the CA: the alternate is not looked at."""
    return case(name, kept(refused(code)), **differs)


def chain():
    return [
        case("own_without_a_trusted_root", used("chain_not_trusted"), no_trusted_root=True),
        case(
            "own_without_a_trusted_root_with_vouchers",
            used("chain_not_trusted"),
            own=[bundle("fd")],
            no_trusted_root=True,
        ),
        case(
            "own_without_a_trusted_root_with_an_answer_that_is_malformed",
            used("chain_not_trusted"),
            answer="",
            no_trusted_root=True,
        ),
        connection("own_refused_otherwise", "chain_not_trusted", chain_trusted=False),
        connection("own_refused_otherwise_with_vouchers", "chain_not_trusted", own=[bundle("fd")], chain_trusted=False),
    ]


def local():
    nobody = {"reference_identities": [], "sni": None}
    return [
        connection("configuration_unreadable", "configuration", policy=None),
        connection(
            "configuration_unreadable_and_own_without_a_trusted_root",
            "chain_not_trusted",
            policy=None,
            no_trusted_root=True,
        ),
        connection("no_reference_identity", "no_reference_identity", **nobody),
        connection(
            "no_reference_identity_and_own_without_a_trusted_root", "chain_not_trusted", no_trusted_root=True, **nobody
        ),
        connection("no_list", "no_list", list=None),
        connection("list_malformed", "list_malformed", list="without_expires"),
        connection("list_unsigned", "list_unsigned", list="unsigned"),
        connection("list_rolled_back", "list_rolled_back", lowest_sequence=18),
        connection("list_expired", "list_expired", list="expired_a_second_ago"),
        connection("list_issued_ahead", "clock_behind", list="issued_in_301_s"),
    ]


def roots():
    below = "d-below-unlisted"
    return [
        case("own_root_not_listed", used("root_not_listed"), chain="z-unlisted"),
        case("own_root_not_listed_with_vouchers", used("root_not_listed"), own=[bundle("fd")], chain="z-unlisted"),
        case("own_root_not_listed_above_a_listed_key", used("root_not_listed"), offer(vouch("fhb")), chain=below),
        connection("own_chain_of_33", "root_not_listed", own=[bundle("fd")], chain="of-33"),
        connection("own_chain_in_ber", "root_not_listed", own=[bundle("fd")], chain="a-in-ber"),
        case("own_chain_of_32", used("no_voucher"), chain="of-32"),
    ]


def answers():
    whole = world.answer(bundle("fd"))
    return [
        case("own_no_voucher", used("no_voucher")),
        connection("own_answer_too_large", "answer_too_large", answer=padded(16_385)),
        connection("own_answer_empty", "answer_malformed", answer=""),
        connection("own_answer_torn", "answer_malformed", answer=whole[:-2]),
    ]


def endorsements():
    """Every code of check 13."""
    found = []
    for code, octets in FAILING.items():
        expect = used(code, alarm=code in ALARMING)
        found.append(case(f"own_{code}", expect, own=[octets()], list="mixed"))
    rogue = {"chain": "rogue", "alternate": offer(good("k-for-rogue"), chain="k-for-rogue")}
    return found + [
        case(
            "own_vouchers_are_for_the_alternate",
            used("wrong_certificate", alarm=True),
            own=[good()],
        ),
        case(
            "rogue_certificate_beside_an_alternate_that_is_vouched_for",
            used("suspicious_certificate", alarm=True),
            own=[bundle("f", chain="rogue")],
            **rogue,
        ),
    ]


def addresses():
    required = {"own": [bundle("fd")], "addresses": "require"}
    return [
        connection("own_peer_unknown", "peer_unknown", peer=None, **required),
        case("own_address_not_seen", kept(refused("address_not_seen", reported=True)), peer="198.51.100.7", **required),
    ]


def not_failed():
    """A certificate that did not fail: whatever is beside it is ignored."""
    vouched = {"own": [bundle("fd")]}
    return [
        case("own_vouched_for", kept(accepted()), **vouched),
        case("own_vouched_for_beside_octets", kept(accepted()), offer(answer="ff"), **vouched),
        case("own_vouched_for_beside_an_empty_answer", kept(accepted()), offer(answer=""), **vouched),
        case("own_vouched_for_beside_another_key", kept(accepted()), offer(chain="k-other-key"), **vouched),
        case("own_vouched_for_beside_a_refused_chain", kept(accepted()), offer(verification="refused"), **vouched),
        case(
            "own_vouched_for_at_another_address",
            kept(accepted("address_not_seen", reported=True)),
            peer="198.51.100.7",
            **vouched,
        ),
        case("own_exempt_by_dane", kept(exempt("exempt_dane")), dane=True, tlsa=True),
        case("own_exempt_by_its_root", kept(exempt("exempt_local_root")), local_roots=[root("a root")]),
        case("own_exempt_by_name", kept(exempt("exempt_name")), exempt=[HOST]),
        case(
            "own_exempt_by_address",
            kept(exempt("exempt_address")),
            exempt=["192.0.2.0/28"],
            chain="address",
            reference_identities=["192.0.2.10"],
            sni=None,
        ),
    ]


def not_asked():
    nothing = failover_build.NOTHING
    return [
        case("no_alternate", kept(refused("no_voucher")), nothing),
        case(
            "no_alternate_and_own_without_a_trusted_root",
            kept(refused("chain_not_trusted")),
            nothing,
            no_trusted_root=True,
        ),
        case("failover_off", kept(refused("no_voucher")), asked=False),
        case(
            "failover_off_and_own_without_a_trusted_root",
            kept(refused("chain_not_trusted")),
            asked=False,
            no_trusted_root=True,
        ),
        case("program_uses_tlsa_records", kept(refused("no_voucher")), tlsa=True),
        case(
            "program_uses_tlsa_records_and_none_matches",
            kept(refused("chain_not_trusted")),
            tlsa=True,
            no_trusted_root=True,
        ),
        case("off", NOT_JUDGED, mode="off"),
        case("off_and_own_without_a_trusted_root", NOT_JUDGED, mode="off", no_trusted_root=True),
    ]
