"""Checks 1 to 12 and the exemptions (section 8)."""

from .verify_build import case, exempt, refused
from .world import bundle

def cases():
    good = bundle("fdhb")
    return [
        case("chain_not_trusted_by_the_program", refused("chain_not_trusted"), good, spec="8.1", chain_trusted=False),
        case("dane_match", exempt("exempt_dane"), spec="8.2", dane=True),
        case("no_answer", refused("no_voucher"), spec="8.11"),
    ]
