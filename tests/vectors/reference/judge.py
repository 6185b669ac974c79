"""The rules of acceptance (section 8), check by check."""

import ipaddress
from dataclasses import dataclass, field

from . import authority_list, extension, names, pick, signing, structures
from .codes import CLOCK_TOLERANCE, Refused

# How far an endorsement can get, in the order of steps a to k.
FURTHEST = (
    "malformed",
    "unknown_version",
    "too_long_lived",
    "unknown_authority",
    "unknown_algorithm",
    "authority_not_valid",
    "bad_signature",
    "clock_behind",
    "expired",
    "wrong_certificate",
    "wrong_host",
    "wrong_port",
    "own_operator",
)
PAST_IN_FORCE = FURTHEST.index("wrong_certificate")
HOSTS_PER_DOMAIN = 64
DAY = 86_400


@dataclass
class Verdict:
    outcome: str
    code: str
    alarm: bool = False
    notes: set = field(default_factory=set)
    good_until: int | None = None
    reported: bool = False
    remembered: dict | None = None
    promise: structures.Statement | None = None
    check: int | None = None  # the number of the check that failed


class Refusal(Exception):
    def __init__(self, check, code, alarm=False, notes=()):
        super().__init__(code)
        self.check, self.code, self.alarm, self.notes = check, code, alarm, set(notes)


class _Exempt(Exception):
    pass


def judge(case, lists, chains):
    """The verdict on one case of verify.json (its members: README.md); None in mode `off`."""
    policy = case["policy"]
    mode = policy["mode"] if policy else "require"
    if mode == "off":
        return None
    remembered = {host: entry for host, entry in case["remembered"].items() if case["now"] <= entry["until"]}
    identities = reference_identities(case)
    try:
        verdict = _checks(case, lists, chains, identities, policy)
    except _Exempt as reason:
        return Verdict("exempt", str(reason), remembered=remembered)
    except Refusal as refusal:
        outcome = "refused"
        must = policy is None or refusal.code in ("chain_not_trusted", "configuration")
        if mode == "observe" and not must:
            outcome = "unvouched"
        if mode == "opportunistic" and not must and not _must_vouch(case, identities, remembered):
            outcome = "unvouched"
        reported = refusal.alarm or refusal.code == "address_not_seen"
        return Verdict(
            outcome, refusal.code, refusal.alarm, refusal.notes, None, reported, remembered, check=refusal.check
        )
    verdict.remembered = remembered
    remember(verdict, case, identities)
    return verdict


def reference_identities(case):
    if case["reference_identities"]:
        return case["reference_identities"]
    return [case["sni"]] if case["sni"] else []


def _checks(case, lists, chains, identities, policy):
    chain = chains[case["chain"]]
    if not case["chain_trusted"]:
        raise Refusal(1, "chain_not_trusted")
    if policy is None:
        raise Refusal(2, "configuration")
    if case["dane"]:
        raise _Exempt("exempt_dane")
    if authority_list.readable(chain) and authority_list.spki_hash(chain[-1]).hex() in policy["local_roots"]:
        raise _Exempt("exempt_local_root")
    if not identities:
        raise Refusal(5, "no_reference_identity")
    _exemptions(identities, policy["exempt"])
    parsed, owners = listed(case, lists, chain)
    if case["answer"] is None:
        raise Refusal(11, "no_voucher")
    try:
        bundles = extension.decode_vouchers(bytes.fromhex(case["answer"]))
    except Refused as reason:
        raise Refusal(12, reason.code) from None
    return vouched(case, identities, parsed, owners, chain, bundles)


def listed(case, lists, chain):
    """Checks 7 to 10: the list and the owners of the chain."""
    parsed = usable_list(case, lists)
    try:
        return parsed, authority_list.owners(parsed, chain)
    except Refused as reason:
        raise Refusal(10, reason.code) from None


def usable_list(case, lists):
    """Checks 7 to 9."""
    now = case["now"]
    if case["list"] is None:
        raise Refusal(7, "no_list")
    stored = lists[case["list"]]
    try:
        parsed = authority_list.load(
            stored["file"].encode(),
            stored["signatures"],
            stored["public_keys"],
            stored["required"],
            case["lowest_sequence"],
        )
    except Refused as reason:
        raise Refusal(7, reason.code) from None
    if now > parsed.expires:
        raise Refusal(8, "list_expired")
    if parsed.issued > now + CLOCK_TOLERANCE:
        raise Refusal(9, "clock_behind")
    return parsed


def _exemptions(identities, exempt):
    codes = {_exempt_by(identity, exempt) for identity in identities}
    if None not in codes:
        raise _Exempt("exempt_name" if "exempt_name" in codes else "exempt_address")


def _exempt_by(identity, exempt):
    address = names.literal(identity)
    for entry in exempt:
        if "/" in entry:
            if address is not None and address in ipaddress.ip_network(entry):
                return "exempt_address"
        elif entry.startswith("*."):
            if address is None and identity.lower().endswith(entry[1:]):
                return "exempt_name"
        elif identity.lower() == entry:
            return "exempt_name"
    return None


@dataclass
class _Judged:
    reached: int
    operator: str | None = None
    statement: structures.Statement | None = None
    endorsement: structures.Endorsement | None = None

    @property
    def good(self):
        return self.reached == len(FURTHEST)


def vouched(case, identities, parsed, owners, chain, bundles):
    """Checks 13 and 14 of a chain, for which those owners count for nothing."""
    now, policy, notes = case["now"], case["policy"], set()
    judged = [one for bundle in bundles for one in _judge_bundle(bundle, case, identities, parsed, owners, chain)]
    good = [one for one in judged if one.good]
    if case["secret"] is None or not case["machine_id"]:
        notes.add("no_secret")
        free = [operator for operator in parsed.operators if operator.active(now) and operator.id not in owners]
        needed = max(len(free) // 2 + 1, policy["quorum"])
        counted = good
    else:
        name = names.pick_name(case["sni"], identities)
        secret = bytes.fromhex(case["secret"])
        picked, widened = pick.pick(
            parsed, secret, case["machine_id"], now, name, policy["candidates"], policy["region"]
        )
        if widened:
            notes.add("region_widened")
        needed = policy["quorum"]
        counted = [one for one in good if one.operator in picked]
    if len({one.operator for one in counted}) < needed:
        furthest = max(one.reached for one in judged)
        code = "suspicious_certificate" if furthest == len(FURTHEST) else FURTHEST[furthest]
        raise Refusal(13, code, furthest >= PAST_IN_FORCE, notes)
    return _address(case, policy, counted, notes)


def _judge_bundle(octets, case, identities, parsed, owners, chain):
    try:
        bundle = structures.decode_bundle(octets)
    except Refused as reason:
        return [_Judged(FURTHEST.index(reason.code))]
    return [_judge_one(bundle.statement, one, case, identities, parsed, owners, chain) for one in bundle.endorsements]


def _judge_one(statement, endorsement, case, identities, parsed, owners, chain):
    now = case["now"]
    authority = parsed.authorities.get(endorsement.authority)

    def stops():
        if authority is None:
            return "unknown_authority"
        if authority.algorithm is None:
            return "unknown_algorithm"
        if not authority.valid(now):
            return "authority_not_valid"
        message = signing.signed_octets(authority.spki, statement.octets, endorsement.body)
        if not signing.verify(authority.spki, message, endorsement.signature):
            return "bad_signature"
        if statement.produced_at > now + CLOCK_TOLERANCE:
            return "clock_behind"
        if now > statement.not_after:
            return "expired"
        if statement.certificate != signing.sha256(chain[0]):
            return "wrong_certificate"
        if not any(names.matches(statement.host, identity) for identity in identities):
            return "wrong_host"
        if case["port"] is not None and statement.port != case["port"]:
            return "wrong_port"
        if authority.operator in owners:
            return "own_operator"
        return None

    code = stops()
    reached = len(FURTHEST) if code is None else FURTHEST.index(code)
    return _Judged(reached, authority.operator if authority else None, statement, endorsement)


def _address(case, policy, counted, notes):
    rule, code = policy["addresses"], None
    if case["peer"] is None:
        code = "peer_unknown"
    else:
        peer = names.octets_of(case["peer"])
        if not any(peer in _seen(one) for one in counted):
            code = "address_not_seen"
    if case["port"] is None:
        notes.add("port_not_compared")
    if rule == "require" and code:
        raise Refusal(14, code, False, notes)
    if rule == "note" and code:
        notes.add(code)
    verdict = Verdict("accepted", "accepted", False, notes)
    verdict.good_until = min(one.statement.not_after for one in counted)
    verdict.reported = "address_not_seen" in notes
    promises = [one.statement for one in counted if one.statement.stay is not None]
    verdict.promise = max(promises, key=lambda statement: statement.produced_at) if promises else None
    return verdict


def _seen(judged):
    return {address for address, bit in zip(judged.statement.addresses, judged.endorsement.seen) if bit}


def _must_vouch(case, identities, remembered):
    """Whether the host is one that promised to stay, and still has to."""
    if not identities:
        return False
    entry = remembered.get(names.pick_name(case["sni"], identities))
    return entry is not None


def remember(verdict, case, identities):
    """What an accepted verdict changes of the remembered hosts."""
    promise, remembered = verdict.promise, verdict.remembered
    if promise is None or case["policy"]["mode"] != "opportunistic":
        return
    host = names.pick_name(case["sni"], identities)
    before = remembered.get(host)
    if before and promise.produced_at < before["produced_at"]:
        return
    if promise.stay == 0:
        remembered.pop(host, None)
        return
    domain = names.registrable_domain(host)
    others = [name for name in remembered if name != host and names.registrable_domain(name) == domain]
    if len(others) < HOSTS_PER_DOMAIN:
        until = promise.produced_at + promise.stay * DAY
        remembered[host] = {"produced_at": promise.produced_at, "until": until}
