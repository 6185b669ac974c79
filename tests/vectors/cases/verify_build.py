"""How a case of verify.json is written: a handshake in which all is well, what differs, and the expectation."""

from . import world

ACCEPTABLE_UNTIL = world.PRODUCED + world.LIFE


def accepted(*notes, until=ACCEPTABLE_UNTIL, reported=False, remembered=None):
    return _expect("accepted", "accepted", False, notes, until, reported, remembered)


def refused(code, *notes, alarm=False, reported=None, remembered=None):
    return _expect("refused", code, alarm, notes, None, alarm if reported is None else reported, remembered)


def unvouched(code, *notes, alarm=False, reported=None, remembered=None):
    return _expect("unvouched", code, alarm, notes, None, alarm if reported is None else reported, remembered)


def exempt(code, remembered=None):
    return _expect("exempt", code, False, (), None, False, remembered)


NOT_JUDGED = None


def case(name, expect, *bundles, spec, assumption=None, **differs):
    """One handshake. `bundles` make the answer; `answer=` gives it in hex; policy members go by their names."""
    policy = {
        "mode": "require",
        "candidates": 4,
        "quorum": 2,
        "region": None,
        "addresses": "note",
        "exempt": [],
        "local_roots": [],
    }
    made = {
        "name": name,
        "spec": spec,
        "now": world.NOW,
        "chain_trusted": True,
        "dane": False,
        "chain": "shop",
        "reference_identities": [world.HOST],
        "sni": world.HOST,
        "peer": world.ADDRESSES[0],
        "port": world.PORT,
        "list": "twelve",
        "lowest_sequence": 0,
        "secret": world.SECRET.hex(),
        "machine_id": world.MACHINE,
        "remembered": {},
        "answer": world.answer(*bundles) if bundles else None,
    }
    for member, value in differs.items():
        if member in policy:
            policy[member] = value
        elif member in made or member == "policy":
            made[member] = value
        else:
            raise TypeError(f"{name}: no member {member}")
    made["policy"] = differs.get("policy", policy)
    if assumption:
        made["assumption"] = assumption
    made["expect"] = expect and expect | {"remembered": _after(expect, made)}
    return made


def _after(expect, made):
    return made["remembered"] if expect["remembered"] is None else expect["remembered"]


def _expect(outcome, code, alarm, notes, until, reported, remembered):
    return {
        "outcome": outcome,
        "code": code,
        "alarm": alarm,
        "notes": sorted(notes),
        "good_until": until,
        "reported": reported,
        "remembered": remembered,
    }
