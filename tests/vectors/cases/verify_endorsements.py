"""Check 13: the steps of one endorsement, the most telling code, the alarm (section 8). The pick is f, d, h, b."""

from reference import der, signing, structures

from . import world
from .verify_build import accepted, case, refused
from .world import LIFE, NOW, bundle, endorse, join, statement

SUSPICIOUS = refused("suspicious_certificate", alarm=True)


def cases():
    return steps_a_to_d() + signatures() + moments() + subjects() + owners() + ranking()


def with_version(octets, version):
    """A bundle whose statement has another version (content octets of the INTEGER)."""
    return octets.replace(bytes.fromhex("020101"), der.tlv(der.INTEGER, version), 1)


def steps_a_to_d():
    good = bundle("fd")
    return [
        case("one_bundle_malformed", refused("malformed"), bundle("fd") + b"\0", spec="8.13a"),
        case("one_malformed_beside_a_good_one", accepted(), bundle("h") + b"\0", good, spec="8.13a"),
        case("garbage_instead_of_a_bundle", refused("malformed"), b"\xff" * 40, spec="8.13a"),
        case("version_2", refused("unknown_version"), with_version(good, b"\2"), spec="8.13a"),
        case("version_2_beside_a_good_one", accepted(), with_version(bundle("h"), b"\2"), good, spec="8.13a"),
        case("lives_86400_s", accepted(), bundle("fd", life=86_400), spec="8.13a"),
        case("lives_86401_s", refused("too_long_lived"), bundle("fd", life=86_401), spec="8.13a"),
        case("unknown_authority", refused("unknown_authority"), bundle("x"), spec="8.13b"),
        case("unknown_authority_beside_good_ones", accepted(), bundle("fdx"), spec="8.13b"),
        case("authority_with_an_rsa_key", refused("unknown_algorithm"), bundle(["rsa"]), spec="8.13c", list="mixed"),
        case("authority_with_a_p521_key", refused("unknown_algorithm"), bundle(["p521"]), spec="8.13c", list="mixed"),
        case("authority_in_its_last_second", accepted(), bundle("f"), spec="8.13d", list="f_ends_now", quorum=1),
        case(
            "authority_a_second_after_its_end",
            refused("authority_not_valid"),
            bundle("f"),
            spec="8.13d",
            list="f_ends_now",
            quorum=1,
            now=NOW + 1,
        ),
        case("authority_in_its_first_second", accepted(), bundle("f"), spec="8.13d", list="f_starts_now", quorum=1),
        case(
            "authority_a_second_before_its_start",
            refused("authority_not_valid"),
            bundle("f"),
            spec="8.13d",
            list="f_starts_now",
            quorum=1,
            now=NOW - 1,
        ),
        case("new_key_of_an_operator_counts", accepted(), bundle(["f-2", "d"]), spec="8.13d", list="f_changed_its_key"),
        case(
            "old_key_of_an_operator_does_not_count",
            SUSPICIOUS,
            bundle(["f", "d"]),
            spec="8.13d",
            list="f_changed_its_key",
        ),
    ]


def signatures():
    def bad(name, octets):
        return case("bad_signature_" + name, refused("bad_signature"), octets, spec="8.13e")

    def high(kind):
        return lambda signature: signing.high_s(kind, signature)

    def flip(signature):
        return signature[:-1] + bytes([signature[-1] ^ 1])

    def as_der(signature):
        half = len(signature) // 2
        numbers = [
            der.tlv(der.INTEGER, b"\0" + part) if part[0] > 127 else der.tlv(der.INTEGER, part)
            for part in (signature[:half], signature[half:])
        ]
        return der.tlv(der.SEQUENCE, *numbers)

    def more_than_l(signature):
        order = 2**252 + 27742317777372353535851937790883648493
        s = int.from_bytes(signature[32:], "little") + order
        return signature[:32] + s.to_bytes(32, "little")

    octets = statement()
    return [
        case("signed_with_p256", accepted(), bundle("d"), spec="3", quorum=1),
        case("signed_with_p384", accepted(), bundle("h"), spec="3", quorum=1),
        case("signed_with_ed25519", accepted(), bundle("f"), spec="3", quorum=1),
        bad("p256_bit_flipped", bundle("d", spoil=flip)),
        bad("p384_bit_flipped", bundle("h", spoil=flip)),
        bad("ed25519_bit_flipped", bundle("f", spoil=flip)),
        bad("p256_high_s", bundle("d", spoil=high("P-256"))),
        bad("p384_high_s", bundle("h", spoil=high("P-384"))),
        bad("ed25519_s_not_reduced", bundle("f", spoil=more_than_l)),
        bad("p256_in_der", bundle("d", spoil=as_der)),
        bad("p256_65_octets", bundle("d", spoil=lambda signature: signature + b"\0")),
        bad("p256_63_octets", bundle("d", spoil=lambda signature: signature[:-1])),
        bad("ed25519_65_octets", bundle("f", spoil=lambda signature: signature + b"\0")),
        bad("p384_half", bundle("h", spoil=lambda signature: signature[:48])),
        bad("empty", bundle("d", spoil=lambda signature: b"")),
        bad("p256_all_zero", bundle("d", spoil=lambda signature: bytes(64))),
        bad("ed25519_all_zero", bundle("f", spoil=lambda signature: bytes(64))),
        bad("by_a_key_of_the_same_kind", join(octets, [endorse(octets, "d", key=world.authority_key("a"))])),
        bad("by_a_key_of_another_kind", join(octets, [endorse(octets, "d", key=world.authority_key("f"))])),
        bad("over_another_statement", join(octets, [endorse(statement(port=8443), "d")])),
        bad("over_other_seen_bits", join(octets, [altered_body(octets, "d", seen=[True, False])])),
        bad("over_another_age", join(octets, [altered_body(octets, "d", age=1)])),
        bad("over_another_source", join(octets, [altered_body(octets, "f", source="crl")])),
        bad("over_another_authority", join(octets, [renamed(octets, "d", "g")])),
        bad("without_the_label", join(octets, [signed_otherwise(octets, "d", lambda message: message[21:])])),
        bad("over_a_hash_of_the_octets", join(octets, [signed_otherwise(octets, "f", signing.sha256)])),
        case(
            "bad_signature_beside_good_ones",
            accepted(),
            join(octets, [endorse(octets, "h", spoil=flip), endorse(octets, "f"), endorse(octets, "d")]),
            spec="8.13e",
        ),
    ]


def altered_body(octets, label, seen=(True, True), source="ocsp", age=3600):
    """Signed over the usual body, sent with another."""
    made = endorse(octets, label)
    return made | {"body": structures.body_value(world.authority_id(label), seen, source, age)}


def renamed(octets, signer, claimed):
    made = endorse(octets, signer)
    return made | {"body": made["body"] | {"authority": world.authority_id(claimed)}}


def signed_otherwise(octets, label, change):
    made = endorse(octets, label)
    key = world.authority_key(label)
    body = structures.encode("EndorsementBody", made["body"])
    return made | {"signature": signing.sign(key, change(signing.signed_octets(world.spki_of(key), octets, body)))}


def moments():
    return [
        case("produced_300_s_ahead", accepted(until=NOW + 300 + LIFE), bundle("fd", produced=NOW + 300), spec="8.13f"),
        case("produced_301_s_ahead", refused("clock_behind"), bundle("fd", produced=NOW + 301), spec="8.13f"),
        case("in_the_last_second", accepted(until=NOW), bundle("fd", produced=NOW - LIFE), spec="8.13g"),
        case("a_second_too_late", refused("expired"), bundle("fd", produced=NOW - LIFE - 1), spec="8.13g"),
        case("life_of_no_second_at_all", accepted(until=NOW), bundle("fd", produced=NOW, life=0), spec="8.13g"),
        case(
            "session_ends_with_the_earliest_counted",
            accepted(until=NOW + 10),
            bundle("f"),
            bundle("d", produced=NOW + 10 - LIFE),
            spec="8 Sessions",
        ),
    ]


def subjects():
    rogue = {"chain": "rogue"}
    two = {"chain": "two-names", "reference_identities": ["mail.shop.example"], "sni": "mail.shop.example"}
    return [
        case("rogue_certificate_without_vouchers", refused("no_voucher"), spec="8.11", **rogue),
        case(
            "rogue_certificate_with_the_real_vouchers",
            refused("wrong_certificate", alarm=True),
            bundle("acdefghijkl"),
            spec="8.13h",
            **rogue,
        ),
        case(
            "rogue_certificate_with_one_hacked_authority",
            SUSPICIOUS,
            bundle("f", chain="rogue"),
            spec="8.13",
            **rogue,
        ),
        case(
            "rogue_certificate_with_expired_vouchers",
            refused("expired"),
            bundle("fdh", produced=NOW - 2 * LIFE),
            spec="8.13g",
            **rogue,
        ),
        case(
            "renewed_certificate_with_the_old_vouchers",
            refused("wrong_certificate", alarm=True),
            bundle("fdhb"),
            spec="8.13h",
            chain="renewed",
        ),
        case(
            "vouched_on_another_host_of_the_certificate",
            refused("wrong_host", alarm=True),
            bundle("fdhb", chain="two-names"),
            spec="8.13i",
            **two,
        ),
        case(
            "vouched_on_another_port",
            refused("wrong_port", alarm=True),
            bundle("fdhb", port=8443),
            spec="8.13j",
        ),
        case(
            "port_not_stated",
            accepted("port_not_compared"),
            bundle("fdhb", port=8443),
            spec="8.14",
            port=None,
        ),
        case(
            "vouched_on_several_ports",
            accepted(),
            bundle("fdhb", port=8443),
            bundle("fdhb"),
            spec="8.13j",
        ),
        case(
            "certificate_before_host_before_port",
            refused("wrong_certificate", alarm=True),
            bundle("fd", host="mail.shop.example", port=8443),
            spec="8.13h",
            **rogue,
        ),
    ]


def owners():
    def own(name, chain, labels, expect):
        return case(name, expect, bundle(labels, chain=chain), spec="6 owners", chain=chain)

    own_operator = refused("own_operator", alarm=True)
    return [
        own("own_operator", "shop", "a", own_operator),
        own("own_operator_beside_two_others", "shop", "afd", accepted()),
        own("own_operator_is_not_the_second", "shop", "af", SUSPICIOUS),
        own("cross_signed_by_c_so_c_owns", "cross-signed", "c", own_operator),
        own("cross_signed_so_a_owns_still", "cross-signed", "a", own_operator),
        own("cross_signed_vouched_by_others", "cross-signed", "fd", accepted()),
        own("two_roots_of_one_operator", "two-roots", "a", own_operator),
        own("two_roots_of_one_operator_vouched_by_others", "two-roots", "fd", accepted()),
        own("chain_without_intermediate", "leaf-at-root", "a", own_operator),
        own("listed_intermediate_under_anothers_root", "listed-sub-at-a", "d", own_operator),
        own("listed_intermediate_under_anothers_root_owner_of_the_root", "listed-sub-at-a", "a", own_operator),
        own("listed_intermediate_does_not_count_for_the_pick", "listed-sub-at-a", "fd", SUSPICIOUS),
        own("unlisted_intermediate_inherits_its_owner", "unlisted-below-listed-sub", "d", own_operator),
        own("unlisted_intermediate_vouched_by_others", "unlisted-below-listed-sub", "fh", accepted()),
    ]


# One bundle that fails at each step, in the order of the steps, for the list `mixed`.
FAILING = {
    "malformed": lambda: bundle("f")[:-1],
    "unknown_version": lambda: with_version(bundle("f"), b"\2"),
    "too_long_lived": lambda: bundle("f", life=LIFE + 1),
    "unknown_authority": lambda: bundle("x"),
    "unknown_algorithm": lambda: bundle(["rsa"]),
    "authority_not_valid": lambda: bundle(["f-old"]),
    "bad_signature": lambda: bundle("f", spoil=lambda signature: bytes(64)),
    "clock_behind": lambda: bundle("f", produced=NOW + 301),
    "expired": lambda: bundle("f", produced=NOW - LIFE - 1),
    "wrong_certificate": lambda: bundle("f", chain="rogue"),
    "wrong_host": lambda: bundle("f", host="mail.shop.example"),
    "wrong_port": lambda: bundle("f", port=8443),
    "own_operator": lambda: bundle("a"),
    "suspicious_certificate": lambda: bundle("f"),
}
ALARMING = ("wrong_certificate", "wrong_host", "wrong_port", "own_operator", "suspicious_certificate")


def ranking():
    made = {code: octets() for code, octets in FAILING.items()}
    order = list(FAILING)

    def expect(code):
        return refused(code, alarm=code in ALARMING)

    alone = [case(f"alone_{code}", expect(code), made[code], spec="8.13", list="mixed") for code in order]
    pairs = []
    for less, more in zip(order, order[1:]):
        name = f"{more}_tells_more_than_{less}"
        pairs.append(case(name, expect(more), made[less], made[more], spec="8.13", list="mixed"))
        pairs.append(case(name + "_in_other_order", expect(more), made[more], made[less], spec="8.13", list="mixed"))
    return (
        alone
        + pairs
        + [
            case(
                "all_failures_at_once",
                expect("own_operator"),
                *[made[code] for code in order[:-1]],
                spec="8.13",
                list="mixed",
            ),
            case(
                "expired_and_wrong_host_raise_the_alarm",
                expect("wrong_host"),
                made["expired"],
                made["wrong_host"],
                spec="8.13",
                list="mixed",
            ),
            case(
                "expired_for_another_certificate_is_no_alarm",
                refused("expired"),
                bundle("f", chain="rogue", produced=NOW - LIFE - 1),
                spec="8.13",
            ),
            case(
                "wrong_host_by_the_own_operator_is_wrong_host",
                refused("wrong_host", alarm=True),
                bundle("a", host="mail.shop.example"),
                spec="8.13i",
            ),
        ]
    )
