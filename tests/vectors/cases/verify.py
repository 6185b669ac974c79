"""verify.json: complete handshakes."""

from reference import codes, judge

from . import verify_checks, verify_endorsements, verify_lists, world




def document():
    cases = verify_checks.cases() + verify_endorsements.cases()
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
    if verdict is None:
        return None
    return {
        "outcome": verdict.outcome,
        "code": verdict.code,
        "alarm": verdict.alarm,
        "notes": sorted(verdict.notes),
        "good_until": verdict.good_until,
        "reported": verdict.reported,
        "remembered": verdict.remembered,
    }
