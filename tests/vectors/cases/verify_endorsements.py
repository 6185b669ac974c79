"""Check 13: the steps of one endorsement, the quorum, the most telling code, the alarm (section 8)."""

from .verify_build import accepted, case, refused
from .world import bundle

BASIC = [
    case("two_of_the_pick_endorsed", accepted(), bundle("fd"), spec="8.13"),
    case("all_twelve_endorsed", accepted(), bundle("bcdefghijkl"), spec="8.13"),
    case("only_one_of_the_pick_endorsed", refused("suspicious_certificate", alarm=True), bundle("fc"), spec="8.13"),
]


def cases():
    return BASIC
