"""verify.json: complete handshakes, at least one for every code."""

from reference import codes, judge

from . import verify_checks, verify_endorsements, verify_lists, verify_pick, verify_policy, world

PARTS = (verify_checks, verify_endorsements, verify_pick, verify_policy)


def document():
    cases = [one for part in PARTS for one in part.cases()]
    return {
        "format": "mecai-vectors/verify/1",
        "codes": codes.CODES,
        "lists": verify_lists.build(),
        "chains": {name: [one.hex() for one in chain] for name, chain in world.CHAINS.items()},
        "cases": cases,
    }


def outcome(case, tables):
    """What the reference judge says, in the form of `expect`."""
    chains = {name: [bytes.fromhex(one) for one in chain] for name, chain in tables["chains"].items()}
    verdict = judge.judge(case, tables["lists"], chains)
    return None if verdict is None else told(verdict)


def told(verdict):
    return {
        "outcome": verdict.outcome,
        "code": verdict.code,
        "alarm": verdict.alarm,
        "notes": sorted(verdict.notes),
        "good_until": verdict.good_until,
        "reported": verdict.reported,
        "remembered": verdict.remembered,
    }


def audit(document):
    """Every code of section 13 has a case; those of an alternate have theirs in failover.json."""
    reached = {case["expect"]["code"] for case in document["cases"] if case["expect"]}
    for code in [code for code, number in document["codes"].items() if not 70 <= number < 80]:
        yield f"code {code} has a case", None if code in reached else "none"
