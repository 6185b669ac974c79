"""pick.json: who is picked (section 7).

Seeds and orders were worked out once with `openssl dgst -mac HMAC` and `sha256sum`, apart from the reference reader,
and written down here; each pick is also held against what its name says (`audit`).
"""

from reference import authority_list, names, pick

from . import world
from .world import HOST, MACHINE, NOW, SECRET, authority_entry, list_data, list_text, operator_entry

# Epoch 231 of SECRET on MACHINE, and the one after it, begin here.
EPOCH_231_BEGINS, EPOCH_232 = 1_792_028_270, 1_799_804_270


def document():
    return {"format": "mecai-vectors/pick/1", "lists": LISTS, "cases": cases()}


def outcome(case, tables):
    parsed = authority_list.parse(tables["lists"][case["list"]].encode())
    secret = bytes.fromhex(case["secret"])
    name = names.pick_name(case["sni"], case["reference_identities"])
    domain = names.registrable_domain(name)
    picked, widened = pick.pick(
        parsed, secret, case["machine_id"], case["now"], name, case["candidates"], case["region"]
    )
    return {
        "name": name,
        "domain": domain,
        "epoch": pick.epoch(secret, case["machine_id"], case["now"]),
        "seed": pick.seed(secret, case["machine_id"], case["now"], domain).hex(),
        "pick": picked,
        "region_widened": widened,
    }


# Nine operators in three countries have an authority in region EU; in `eight` it is eight, in `seven` seven; in
# `two_countries` nine in two countries.
EUROPE = {"n": "DE", "o": "DE", "p": "DE", "q": "FR", "r": "FR", "s": "FR", "t": "PL", "u": "PL", "v": "PL"}


def regional(leave_out="", country=None):
    entries = [operator_entry(letter) for letter in "efghijkl"]
    for letter, home in EUROPE.items():
        regions = [] if letter in leave_out else ["EU"]
        home = country if country and home == "PL" else home
        entries.append(operator_entry(letter, home, [authority_entry(letter, "DE", regions=regions)]))
    return list_text(list_data(entries))


def with_times(**limits):
    """The twelve; for each named operator when its authority is valid."""
    entries = []
    for letter in world.COUNTRIES:
        country = world.COUNTRIES[letter]
        valid = limits.get(letter)
        entries.append(
            operator_entry(letter, authorities=[authority_entry(letter, country, valid)])
            if valid
            else operator_entry(letter)
        )
    return list_text(list_data(entries))


PAST, FUTURE = ("2026-01-01T00:00:00Z", "2026-12-01T11:59:59Z"), ("2026-12-01T12:00:01Z", "2027-01-01T00:00:00Z")
LISTS = {
    "twelve": list_text(list_data()),
    "in_another_order": list_text(list_data([operator_entry(one) for one in reversed(world.COUNTRIES)])),
    "three": list_text(list_data([operator_entry(one) for one in "bde"])),
    "one": list_text(list_data([operator_entry("b")])),
    "one_country": list_text(list_data([operator_entry(one, "DE") for one in world.COUNTRIES])),
    "f_past_d_future": with_times(f=PAST, d=FUTURE),
    "f_only_rsa": list_text(
        list_data(
            [
                operator_entry(one, authorities=[authority_entry("rsa", "US")]) if one == "f" else operator_entry(one)
                for one in world.COUNTRIES
            ]
        )
    ),
    "regional": regional(),
    "regional_eight": regional("n"),
    "regional_seven": regional("no"),
    "regional_two_countries": regional(country="FR"),
}


def case(name, expect, sni=HOST, identities=None, spec="7", **differs):
    made = {
        "name": name,
        "spec": spec,
        "list": "twelve",
        "secret": SECRET.hex(),
        "machine_id": MACHINE,
        "now": NOW,
        "sni": sni,
        "reference_identities": [sni] if identities is None else identities,
        "candidates": 4,
        "region": None,
    }
    unknown = set(differs) - set(made)
    assert not unknown, unknown
    letters = expect["letters"]
    defaults = {"name": HOST, "domain": "shop.example", "epoch": 231, "seed": SEED, "region_widened": False}
    found = defaults | expect | {"pick": [f"operator-{letter}" for letter in letters]}
    del found["letters"]
    return made | differs | {"expect": found}


def picks(letters, **differs):
    return {"letters": letters} | differs


# The seed of SECRET on MACHINE in epoch 231 for shop.example.
SEED = "1b6178e2ce5da94f29efd24cc22ba194203a50ec1fc4dddf44c6eab6d1e89ca5"


def cases():
    return same() + domains() + secrets() + sizes() + epochs() + lists() + regions()


def same():
    return [
        case("usual", picks("fdhb")),
        case("all_in_order", picks("fdhbklaecijg"), candidates=12),
        case("list_in_another_order", picks("fdhb"), list="in_another_order"),
        case("another_host_of_the_domain", picks("fdhb", name="mail.shop.example"), sni="mail.shop.example"),
        case("deeper_host_of_the_domain", picks("fdhb", name="a.b.c.shop.example"), sni="a.b.c.shop.example"),
        case("the_domain_itself", picks("fdhb", name="shop.example"), sni="shop.example"),
        case("sni_in_upper_case", picks("fdhb"), sni="WWW.Shop.EXAMPLE"),
        case(
            "sni_among_the_identities",
            picks("fdhb"),
            identities=["www.other.example", "WWW.shop.example"],
        ),
        case(
            "sni_not_among_the_identities",
            picks(
                "cije",
                name="www.other.example",
                domain="other.example",
                seed="40bbeb8aaf83528d533bd8c2ca419fbbeb338864c15d33390db9ea852fcac663",
            ),
            identities=["www.other.example", "mail.shop.example"],
        ),
        case(
            "without_sni_the_first_identity",
            picks(
                "cije",
                name="www.other.example",
                domain="other.example",
                seed="40bbeb8aaf83528d533bd8c2ca419fbbeb338864c15d33390db9ea852fcac663",
            ),
            sni=None,
            identities=["www.other.example", HOST],
        ),
        case("leading_dot_is_dropped", picks("fdhb", name="shop.example"), sni=None, identities=[".shop.example"]),
    ]


DOMAIN_PICKS = {
    "shop.co.uk": ("ikal", "5063113ea2e9682a06c971238c258191284f818d5a65e2e04e4b30294f20fa71"),
    "alice.github.io": ("lkba", "520ed1650716000a6d3ade82de661d577c5ea887eee25477831a86963a928902"),
    "shop.anything.ck": ("eafg", "f2d8f91d2c57f931bdf6da98c267b55fc1e2be8f72b3097336e3af4df7fd7e45"),
    "www.ck": ("djbg", "91a123239510d2b10063a557f1d0e2f4fd39e8cadda34f85c81d2ddeab4203eb"),
    "shop.unlisted": ("icge", "2c0e446e0a04ff3cadb7bd5020de24cd29f9172ce78ccf9a71d8b5eb39512ee8"),
    # k, i, l and j are of one country: b comes in for j
    "xn--bcher-kva.example": ("kilb", "9e0b3b20157afaff441fe19eee907ade08143d7f25f5f87fd97b092c2c629458"),
    "co.uk": ("cgbd", "b4b248931d018c343a3d4d9a6aab5d2f44cd41e0069dbe0fabe269334c518408"),
    "github.io": ("iajc", "7264806d3b6359f8d0a06e0fc88192ad9f4abc5ecf1fc2e8e58d21030e97fe7e"),
    "anything.ck": ("gfih", "4105dbd2b50ce60701bdc98b0774830468d978eaf3e783242a48267fae3aa9eb"),
    "example": ("ackf", "67329543f8737e63fe6c6b9c7f8176a7877325309732c63da4ddbb111c2a88ad"),
    "localhost": ("gblj", "31626f867d32dd1e40f41c095ad3b45aa51f1032ac3090114b3d675d89acd9c7"),
    "192.0.2.10": ("ilah", "14853494362fb820894427fce75c6067cb93a1a58d8b9ebe78ab9d00abc018c5"),
    "2001:db8::10": ("cgea", "df83c60839e7c468e4b737db2bb8fc9d501bc423d3a6c13506d4451b7fd17b4d"),
}


def domains():
    def domain(what, host, registrable):
        letters, seed = DOMAIN_PICKS[registrable]
        return case("domain_" + what, picks(letters, name=host, domain=registrable, seed=seed), sni=host)

    return [
        domain("icann_suffix_of_two_labels", "www.shop.co.uk", "shop.co.uk"),
        domain("private_suffix", "www.alice.github.io", "alice.github.io"),
        domain("wildcard_rule", "www.shop.anything.ck", "shop.anything.ck"),
        domain("exception_rule", "a.www.ck", "www.ck"),
        domain("unlisted_top_level", "www.shop.unlisted", "shop.unlisted"),
        domain("a_label", "www.xn--bcher-kva.example", "xn--bcher-kva.example"),
        domain("suffix_stands_for_itself", "co.uk", "co.uk"),
        domain("private_suffix_stands_for_itself", "github.io", "github.io"),
        domain("suffix_by_a_wildcard_rule_stands_for_itself", "anything.ck", "anything.ck"),
        domain("top_level_stands_for_itself", "example", "example"),
        domain("single_label", "localhost", "localhost"),
        domain("ipv4", "192.0.2.10", "192.0.2.10"),
        domain("ipv6", "2001:db8::10", "2001:db8::10"),
    ]


def secrets():
    return [
        case(
            "another_secret",
            picks("hkij", seed="d320de70b0f44ed83d1f73390590e889d76c0bbfbce1b7b3f51b881d790cbea9"),
            secret=bytes(32).hex(),
        ),
        case(
            "another_machine",
            picks("dcbl", epoch=231, seed="d92894a1646f325df1347def3c32dac4344869b7ed5a36eb845106168ebfa44a"),
            machine_id="f" * 32,
        ),
    ]


def sizes():
    kl, abd = (b"\x14" * 32).hex(), (b"\x0d" * 32).hex()
    return [
        case("one_candidate", picks("f"), candidates=1),
        case("two_candidates", picks("fd"), candidates=2),
        case("more_candidates_than_operators", picks("fdhbklaecijg"), candidates=31),
        case(
            "one_country_two_of_order_klbc",
            picks("kb", seed="b12205c48dc54037ec78d884a515d031ddc123fed4cb2fbac1ca3dff5e835728"),
            secret=kl,
            candidates=2,
        ),
        case(
            "one_country_three_of_order_abdl",
            picks("abl", seed="8c2b8b70b30e3ec8654269cb06dd47d416df663580ba5ee34d2e564489a55c39"),
            secret=abd,
            candidates=3,
        ),
        case(
            "one_country_four_of_order_abdl",
            picks("abdl", seed="8c2b8b70b30e3ec8654269cb06dd47d416df663580ba5ee34d2e564489a55c39"),
            secret=abd,
        ),
        case(
            "one_candidate_is_of_one_country_always",
            picks("k", seed="b12205c48dc54037ec78d884a515d031ddc123fed4cb2fbac1ca3dff5e835728"),
            secret=kl,
            candidates=1,
        ),
        case("one_country_and_no_other", picks("fdhb"), list="one_country"),
        case("three_operators", picks("dbe"), list="three"),
        case("three_operators_two_candidates_of_one_country", picks("de"), list="three", candidates=2),
        case("one_operator", picks("b"), list="one"),
    ]


def epochs():
    return [
        case("epoch_last_second", picks("fdhb"), now=EPOCH_232 - 1),
        case(
            "epoch_first_second",
            picks("faec", epoch=232, seed="e273a4f5a6b171bcc2201c9942254a1100f5f99bf8101e9d476b8920ec37f6d0"),
            now=EPOCH_232,
        ),
        case(
            "epoch_previous_last_second",
            picks("cgjf", epoch=230, seed="675e0d07bee9f46070c05e2445d6d58b0bac7dc4e84f44395093fffd8eaeb5fc"),
            now=EPOCH_231_BEGINS - 1,
        ),
        case("epoch_previous_over", picks("fdhb"), now=EPOCH_231_BEGINS),
    ]


def lists():
    return [
        case("authorities_not_valid_now", picks("hbkl"), list="f_past_d_future"),
        case("authority_not_valid_a_second_later", picks("fhbk"), list="f_past_d_future", now=NOW - 1),
        case("authority_valid_a_second_later", picks("dhbk"), list="f_past_d_future", now=NOW + 1),
        case("operator_without_a_known_algorithm", picks("dhbk"), list="f_only_rsa"),
    ]


def regions():
    return [
        case("region_of_nine", picks("rqsn"), list="regional", region="EU"),
        case("region_of_eight", picks("rqsp"), list="regional_eight", region="EU"),
        case("region_of_seven_is_widened", picks("frqs", region_widened=True), list="regional_seven", region="EU"),
        case(
            "region_of_two_countries_is_widened",
            picks("frqs", region_widened=True),
            list="regional_two_countries",
            region="EU",
        ),
        case("region_that_nobody_has_is_widened", picks("frqs", region_widened=True), list="regional", region="MOON"),
        case("region_not_configured", picks("frqs"), list="regional"),
    ]


def audit(document):
    by_name = {one["name"]: one["expect"]["pick"] for one in document["cases"]}
    countries = {f"operator-{letter}": home for letter, home in (world.COUNTRIES | EUROPE).items()}
    europe = {f"operator-{letter}" for letter in EUROPE}

    def says(what, holds):
        return what, None if holds else "it is not so"

    yield says("region_of_nine is in the region", set(by_name["region_of_nine"]) <= europe)
    yield says("region_of_eight leaves n out", set(by_name["region_of_eight"]) <= europe - {"operator-n"})
    yield says("region_not_configured goes beyond it", not set(by_name["region_not_configured"]) <= europe)
    yield says("another_secret picks others", by_name["another_secret"] != by_name["usual"])
    yield says("another_machine picks others", by_name["another_machine"] != by_name["usual"])
    yield says("the next epoch picks others", by_name["epoch_first_second"] != by_name["epoch_last_second"])
    for name, letters in by_name.items():
        if name.startswith("one_country_") and "no_other" not in name:
            yield says(f"{name} has two countries", len({countries[one] for one in letters}) >= 2)
