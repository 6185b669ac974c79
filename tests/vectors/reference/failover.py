"""Failover to an alternate (section 8, "Failover")."""

from dataclasses import dataclass

from cryptography import x509

from . import authority_list, der, extension, judge
from .codes import Refused

CHAIN_MAX = 10


@dataclass
class Outcome:
    """A verdict, and what became of the alternate."""

    verdict: judge.Verdict
    alternate: str | None  # None: there was none, or it was not looked at
    cause: str | None  # why the server's own certificate failed, where the alternate stands for it
    reported_as: str | None


def outcome(case, lists, chains):
    """The outcome of a case of failover.json (its members: README.md); None in mode `off`."""
    own = judge.judge(case, lists, chains)
    if own is None:
        return None
    identities = judge.reference_identities(case)
    if not identities or not _is_due(case, own, chains[case["chain"]]):
        return _kept(own, None)
    try:
        verdict = _checks(case, identities, lists, chains)
    except judge.Refusal as refusal:
        return _kept(own, refusal.code)
    verdict.alarm = own.alarm
    verdict.remembered = own.remembered
    verdict.reported = True
    judge.remember(verdict, case, identities)
    return Outcome(verdict, verdict.code, own.code, own.code)


def _kept(own, alternate):
    code = "address_not_seen" if own.outcome == "accepted" else own.code
    return Outcome(own, alternate, None, code if own.reported else None)


def _is_due(case, own, chain):
    """Whether there is an alternate to look at, and the cause lies with the CA."""
    failover = case["failover"]
    if case["policy"] is None or not failover["asked"] or failover["tlsa"] or failover["answer"] is None:
        return False
    if own.check == 1:
        return failover["no_trusted_root"]
    if own.check == 10:
        return authority_list.readable(chain)
    return own.check in (11, 13)


def _checks(case, identities, lists, chains):
    failover, own = case["failover"], chains[case["chain"]]
    try:
        served, bundles = extension.decode_alternate(bytes.fromhex(failover["answer"]))
        if len(served) > CHAIN_MAX:
            raise Refused("answer_malformed", f"a chain of {len(served)}")
        key, *_ = [_spki(certificate) for certificate in served]
    except Refused as reason:
        too_large = reason.code == "answer_too_large"
        raise judge.Refusal(
            1 if too_large else 2, "alternate_too_large" if too_large else "alternate_malformed"
        ) from None
    if key != _spki(own[0]):
        raise judge.Refusal(3, "alternate_other_key")
    if failover["verification"] in ("refused", "no_trusted_root"):
        raise judge.Refusal(4, "alternate_not_trusted")
    if failover["verification"] == "wrong_name":
        raise judge.Refusal(5, "alternate_wrong_name")
    chain = chains[failover["chain"]]
    parsed, owners = judge.listed(case, lists, chain)
    owners_of_own = set()
    if case["chain_trusted"]:
        owners_of_own = authority_list.listed_owners(parsed, own)
    if owners & owners_of_own:
        raise judge.Refusal(7, "alternate_same_operator")
    if not bundles:
        raise judge.Refusal(8, "no_voucher")
    return judge.vouched(case, identities, parsed, owners | owners_of_own, chain, bundles)


def _spki(certificate):
    """The octets of a certificate's SubjectPublicKeyInfo; `answer_malformed` where it cannot be read."""
    try:
        x509.load_der_x509_certificate(certificate)
        tbs = der.Reader(
            der.only(der.Reader(der.only(certificate, der.SEQUENCE)).whole_element(der.SEQUENCE), der.SEQUENCE)
        )
        if tbs.next_tag() == 0xA0:
            tbs.element(0xA0)
        tbs.element(der.INTEGER)
        for _ in ("signature", "issuer", "validity", "subject"):
            tbs.element(der.SEQUENCE)
        return tbs.whole_element(der.SEQUENCE)
    except (Refused, ValueError) as reason:
        raise Refused("answer_malformed", str(reason)) from None
