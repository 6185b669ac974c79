"""failover.json: handshakes of servers that show an alternate as well (section 8, "Failover")."""

from cryptography import x509

from reference import codes, failover, judge, names

from . import failover_build, failover_causes, failover_checks, failover_rules, verify, verify_lists

PARTS = (failover_causes, failover_checks, failover_rules)
OF_THE_ALTERNATE = {code for code, number in codes.CODES.items() if 70 <= number < 80}


def document():
    cases = [one for part in PARTS for one in part.cases()]
    lists, chains = verify_lists.build(), failover_build.CHAINS
    used_lists = {one["list"] for one in cases}
    used_chains = {one["chain"] for one in cases} | {one["failover"]["chain"] for one in cases}
    return {
        "format": "mecai-vectors/failover/1",
        "codes": codes.CODES,
        "lists": {name: entry for name, entry in lists.items() if name in used_lists},
        "chains": {name: [one.hex() for one in chain] for name, chain in chains.items() if name in used_chains},
        "cases": cases,
    }


def outcome(case, tables):
    """What the reference judge says, in the form of `expect`."""
    chains = {name: [bytes.fromhex(one) for one in chain] for name, chain in tables["chains"].items()}
    found = failover.outcome(case, tables["lists"], chains)
    if found is None:
        return None
    failover_told = {"alternate": found.alternate, "cause": found.cause, "reported_as": found.reported_as}
    return verify.told(found.verdict) | {"failover": failover_told}


def audit(document):
    """Every code of an alternate has a case; an alternate that is not for the name says so."""
    reached = {case["expect"]["failover"]["alternate"] for case in document["cases"] if case["expect"]}
    for code in sorted(OF_THE_ALTERNATE):
        yield f"code {code} has a case", None if code in reached else "none"
    unnamed = [case["name"] for case in document["cases"] if not _is_named(case, document["chains"])]
    yield "every alternate that is accepted is for the name", f"not in {unnamed}" if unnamed else None


def _is_named(case, chains):
    """Whether the first certificate of a chain that was looked at has a reference identity among its names."""
    failover, identities = case["failover"], judge.reference_identities(case)
    if not case["expect"] or not case["expect"]["failover"]["alternate"] or not failover["chain"]:
        return True
    certificate = bytes.fromhex(chains[failover["chain"]][0])
    found = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    hosts = [str(name.value) for name in found.value]
    return any(names.matches(host, identity) for host in hosts for identity in identities)
