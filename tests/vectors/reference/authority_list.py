"""The authority list (section 6): reading it, and the owners of a chain."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from . import der, minisign, signing, times
from .codes import LIST_LIFETIME_MAX, Refused

TOP = {"version", "sequence", "issued", "expires", "operators"}
OPERATOR = {"id", "name", "country", "ca_keys", "authorities"}
CHAIN_MAX = 32
AUTHORITY = {"public_key", "url", "regions", "valid_from", "valid_until"}


@dataclass(frozen=True)
class Authority:
    id: bytes
    spki: bytes
    algorithm: str | None
    operator: str
    regions: tuple
    valid_from: int
    valid_until: int

    def valid(self, now):
        return self.valid_from <= now <= self.valid_until


@dataclass(frozen=True)
class Operator:
    id: str
    country: str
    authorities: tuple

    def active(self, now, region=None):
        """Whether an authority (in that region) has a known algorithm and is valid now."""
        return any(
            authority.algorithm and authority.valid(now) and (region is None or region in authority.regions)
            for authority in self.authorities
        )


@dataclass(frozen=True)
class AuthorityList:
    sequence: int
    issued: int
    expires: int
    operators: tuple
    ca_keys: dict
    authorities: dict


def load(file, signatures, public_keys, required, lowest_sequence):
    """Signatures, then form, then sequence. `file` in octets."""
    if len(minisign.signers(file, signatures or "", public_keys)) < required:
        raise Refused("list_unsigned")
    parsed = parse(file)
    if parsed.sequence < lowest_sequence:
        raise Refused("list_rolled_back", f"{parsed.sequence} after {lowest_sequence}")
    return parsed


def parse(file):
    if len(file) > 4 << 20:
        raise Refused("list_malformed", "more than 4 MiB")
    try:
        data = json.loads(file.decode("utf-8"), object_pairs_hook=_once, parse_constant=_never, parse_float=_never)
    except (UnicodeDecodeError, json.JSONDecodeError) as reason:
        raise Refused("list_malformed", str(reason)) from None
    _members(data, TOP)
    if _integer(data["version"]) != 1 or not 0 <= _integer(data["sequence"]) <= 2**53 - 1:
        raise Refused("list_malformed", "version or sequence")
    issued, expires = _time(data["issued"]), _time(data["expires"])
    if not issued < expires <= issued + LIST_LIFETIME_MAX:
        raise Refused("list_malformed", "issued and expires")
    operators, ca_keys, authorities = [], {}, {}
    for entry in _array(data["operators"], 0, 1000):
        operator = _operator(entry, ca_keys)
        operators.append(operator)
        for authority in operator.authorities:
            if authority.id in authorities:
                raise Refused("list_malformed", "an authority twice")
            authorities[authority.id] = authority
    if len({operator.id for operator in operators}) != len(operators):
        raise Refused("list_malformed", "an operator id twice")
    if len(ca_keys) > 10_000 or len(authorities) > 4_000:
        raise Refused("list_malformed", "too many keys")
    if any(signing.sha256(authority.spki) in ca_keys for authority in authorities.values()):
        raise Refused("list_malformed", "an authority's key is a CA key")
    return AuthorityList(data["sequence"], issued, expires, tuple(operators), ca_keys, authorities)


def owners(parsed, chain):
    """The operators that own a part of a verified chain (DER, end entity first, trust anchor last)."""
    if not readable(chain) or spki_hash(chain[-1]) not in parsed.ca_keys:
        raise Refused("root_not_listed")
    return listed_owners(parsed, chain)


def listed_owners(parsed, chain):
    """Those whose keys are in the chain, whether its anchor is listed or not; of a chain of one, its own."""
    keys = [spki_hash(certificate) for certificate in chain]
    return {parsed.ca_keys[key] for key in keys[1:] or keys if key in parsed.ca_keys}


def readable(chain):
    """Whether a verified chain can be read: not too long, and nothing in it is BER but not DER."""
    if not 1 <= len(chain) <= CHAIN_MAX:
        return False
    try:
        for certificate in chain:
            der.only(certificate, der.SEQUENCE)
            certificate_spki(certificate)
    except (Refused, ValueError):
        return False
    return True


def spki_hash(certificate):
    return signing.sha256(certificate_spki(certificate))


def certificate_spki(certificate):
    key = x509.load_der_x509_certificate(certificate).public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _operator(entry, ca_keys):
    _members(entry, OPERATOR)
    identifier = _text(entry["id"], "[a-z0-9-]{1,64}")
    _text(entry["name"], "(?s:.{1,128})")
    country = _text(entry["country"], "[A-Z]{2}")
    for key in _array(entry["ca_keys"], 1, 10_000):
        digest = bytes.fromhex(_text(key, "[0-9a-f]{64}"))
        if ca_keys.setdefault(digest, identifier) != identifier:
            raise Refused("list_malformed", "a CA key under two operators")
    authorities = tuple(_authority(one, identifier) for one in _array(entry["authorities"], 0, 4_000))
    return Operator(identifier, country, authorities)


def _authority(entry, operator):
    _members(entry, AUTHORITY)
    try:
        key = base64.b64decode(_text(entry["public_key"], "(?s:.*)"), validate=True)
        _public_key_info(key)
    except (binascii.Error, Refused) as reason:
        raise Refused("list_malformed", str(reason)) from None
    url = _text(entry["url"], "https?://[^?#]+")
    if not urlsplit(url).hostname:
        raise Refused("list_malformed", f"no host in {url!r}")
    regions = tuple(_text(region, "[A-Z0-9-]+") for region in _array(entry["regions"], 0, 16))
    start, end = _time(entry["valid_from"]), _time(entry["valid_until"])
    return Authority(signing.authority_id(key), key, signing.algorithm(key)[0], operator, regions, start, end)


def _public_key_info(octets):
    """SEQUENCE { algorithm SEQUENCE, key BIT STRING }, whatever the algorithm."""
    reader = der.Reader(der.only(octets, der.SEQUENCE))
    reader.element(der.SEQUENCE)
    reader.element(der.BIT_STRING)
    reader.finish()


def _once(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise Refused("list_malformed", "a repeated member")
    return dict(pairs)


def _never(text):
    raise Refused("list_malformed", f"the number {text}")


def _members(value, expected):
    if not isinstance(value, dict) or set(value) != expected:
        raise Refused("list_malformed", f"members {sorted(value) if isinstance(value, dict) else value!r}")


def _array(value, low, high):
    if not isinstance(value, list) or not low <= len(value) <= high:
        raise Refused("list_malformed", "an array is due, or of another length")
    return value


def _integer(value):
    if type(value) is not int:
        raise Refused("list_malformed", f"{value!r} is no integer")
    return value


def _text(value, pattern):
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise Refused("list_malformed", f"{value!r}")
    return value


def _time(value):
    return times.from_rfc3339(_text(value, "(?s:.*)"))
