"""The lists that verify.json refers to."""

from reference import times

from . import world
from .world import NOW, list_data, operator_entry, signed_list

ALL = tuple(world.COUNTRIES)


def build():
    """Every list by name; what its name does not say is as in `twelve`."""
    twelve = list_data()
    return {
        "twelve": signed_list(twelve),
        "expires_now": signed_list(list_data(expires=times.rfc3339(NOW))),
        "expired_a_second_ago": signed_list(list_data(expires=times.rfc3339(NOW - 1))),
        "issued_in_300_s": signed_list(list_data(issued=times.rfc3339(NOW + 300))),
        "issued_in_301_s": signed_list(list_data(issued=times.rfc3339(NOW + 301))),
        "unsigned": signed_list(twelve, signers=()),
        "signed_by_a_stranger": signed_list(twelve, signers=(1,)),
        "without_expires": signed_list({key: value for key, value in twelve.items() if key != "expires"}),
        "f_ends_now": _with_f([_of_f("f", until=NOW)]),
        "f_starts_now": _with_f([_of_f("f", start=NOW)]),
        "f_changed_its_key": _with_f([_of_f("f", until=NOW - 1), _of_f("f-2", start=NOW - 86_400)]),
        "f_has_ten": _with_f([_of_f(label) for label in TEN]),
        "mixed": signed_list(
            list_data(
                [_f([_of_f("f"), _of_f("f-old", until=NOW - 1)]) if one == "f" else operator_entry(one) for one in ALL]
                + [operator_entry("m", "FR", [world.authority_entry("rsa", "DE"), world.authority_entry("p521", "DE")])]
            )
        ),
    }


TEN = ["f"] + [f"f-{n}" for n in range(1, 10)]


def _with_f(authorities):
    return signed_list(list_data([_f(authorities) if one == "f" else operator_entry(one) for one in ALL]))


def _f(authorities):
    return operator_entry("f", authorities=authorities)


def _of_f(label, start=None, until=None):
    limits = ("2026-01-01T00:00:00Z", "2027-12-31T23:59:59Z")
    valid = (
        limits[0] if start is None else times.rfc3339(start),
        limits[1] if until is None else times.rfc3339(until),
    )
    return world.authority_entry(label, "US", valid)
