"""The pick (section 7)."""

import hashlib
import hmac

from . import names
from .codes import EPOCH

REGION_OPERATORS, REGION_COUNTRIES = 8, 3


def lp(octets):
    return len(octets).to_bytes(2, "big") + octets


def mac(key, *fields):
    return hmac.new(key, b"".join(lp(field) for field in fields), hashlib.sha256).digest()


def epoch(secret, machine_id, now):
    bound = mac(secret, b"mecai-secret-v1", machine_id.encode())
    offset = int.from_bytes(mac(bound, b"mecai-epoch-v1")[:8], "big") % EPOCH
    return (now + offset) // EPOCH


def seed(secret, machine_id, now, domain):
    bound = mac(secret, b"mecai-secret-v1", machine_id.encode())
    number = epoch(secret, machine_id, now)
    return mac(bound, b"mecai-pick-v1", number.to_bytes(8, "big"), domain.encode())


def eligible(parsed, now, region):
    """(operators, whether the region had to be widened)."""
    active = [operator for operator in parsed.operators if operator.active(now)]
    if region is None:
        return active, False
    narrow = [operator for operator in active if operator.active(now, region)]
    if len(narrow) >= REGION_OPERATORS and len({operator.country for operator in narrow}) >= REGION_COUNTRIES:
        return narrow, False
    return active, True


def pick(parsed, secret, machine_id, now, name, candidates, region=None):
    """(ids of the picked operators in order, whether the region was widened)."""
    operators, widened = eligible(parsed, now, region)
    key = seed(secret, machine_id, now, names.registrable_domain(name))
    ranked = sorted(operators, key=lambda operator: hashlib.sha256(key + operator.id.encode()).digest())
    chosen, rest = ranked[:candidates], ranked[candidates:]
    if candidates >= 2 and chosen and len({operator.country for operator in chosen}) == 1:
        foreign = [operator for operator in rest if operator.country != chosen[0].country]
        if foreign:
            chosen[-1] = foreign[0]
    return [operator.id for operator in chosen], widened
