"""What a client demands of a handshake (docs/spec.md, section 8; the names are those of docs/module.md)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any, Literal

from mecai._native import ffi, lib

from .._library import _call
from .._library._value import Value
from .._tls._settings import Exempt
from . import _certificate
from ._certificate import Path

if TYPE_CHECKING:
    from typing_extensions import Buffer

Mode = Literal["require", "opportunistic", "observe"]
AddressRule = Literal["note", "require", "ignore"]

_MODES = {
    "require": lib.MECAI_MODE_REQUIRE,
    "opportunistic": lib.MECAI_MODE_OPPORTUNISTIC,
    "observe": lib.MECAI_MODE_OBSERVE,
}
_ADDRESSES = {
    "note": lib.MECAI_ADDRESSES_NOTE,
    "require": lib.MECAI_ADDRESSES_REQUIRE,
    "ignore": lib.MECAI_ADDRESSES_IGNORE,
}
_ADDRESS_TYPES = (IPv4Address, IPv4Network, IPv6Address, IPv6Network)
_NUMBER_MAX = (1 << 32) - 1


@dataclass(frozen=True, slots=True, repr=False)
class Policy(Value):
    """What is demanded. It is checked when it is made: `SettingsError` names what cannot be."""

    mode: Mode = "require"
    """What happens to a handshake that misses the rules: "require" refuses it, "opportunistic" refuses it where the
    host is remembered to have promised vouchers, "observe" lets it through."""
    quorum: int = 2
    """How many operators of the pick must have vouched, 1 to `candidates`."""
    candidates: int = 4
    """How many operators are picked, 1 to 31."""
    region: str | None = None
    """Narrows the pick to authorities in this region, as long as enough of them remain."""
    addresses: AddressRule = "note"
    """What a peer is at an address that no counted authority saw: "note", "require" (it is refused, and so is a peer
    whose address is not known), or "ignore"."""
    exempt: Exempt | Iterable[Exempt] = ()
    """Whom nobody needs to vouch for: names, "*.name.example" for every name below, and addresses or networks, which
    cover only what is meant by address; in a text, with commas between them. Becomes a tuple of texts."""
    local_roots: Path | Iterable[Buffer] = ()
    """Trust anchors whose certificates need no vouchers: a PEM file, or each as a certificate or as the SHA-256 of its
    SubjectPublicKeyInfo. Becomes a tuple of such hashes."""
    failover: bool = True
    """Whether a server's alternate is looked at when its own certificate fails."""

    def __post_init__(self) -> None:
        _set(self, "exempt", tuple(_exemptions(self.exempt)))
        _set(self, "local_roots", tuple(_hashes(self.local_roots)))
        build(self)


def build(policy: Policy) -> Any:
    """The mecai_policy of a policy."""
    builder = _call.new("mecai_policy_builder", lib.mecai_policy_builder_new)
    _call.call(lib.mecai_policy_builder_set_mode, builder, _call.one_of(_MODES, "mode", policy.mode))
    quorum = _call.number(policy.quorum, "quorum", 0, _NUMBER_MAX)
    candidates = _call.number(policy.candidates, "candidates", 0, _NUMBER_MAX)
    _call.call(lib.mecai_policy_builder_set_quorum, builder, quorum, candidates)
    region = ffi.NULL if policy.region is None else _call.text(policy.region, "region")
    _call.call(lib.mecai_policy_builder_set_region, builder, region)
    _call.call(lib.mecai_policy_builder_set_addresses, builder, _call.one_of(_ADDRESSES, "addresses", policy.addresses))
    for exemption in _exemptions(policy.exempt):
        _call.call(lib.mecai_policy_builder_add_exemption, builder, _call.text(exemption, "exempt"))
    for root in _hashes(policy.local_roots):
        _call.call(lib.mecai_policy_builder_add_local_root, builder, root, len(root))
    if not isinstance(policy.failover, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"failover must be a bool, not {type(policy.failover).__name__}")
    _call.call(lib.mecai_policy_builder_set_failover, builder, policy.failover)
    return _call.new("mecai_policy", lib.mecai_policy_builder_build, builder)


def _exemptions(exempt: Exempt | Iterable[Exempt]) -> list[str]:
    if isinstance(exempt, str):
        return [part.strip() for part in exempt.split(",")] if exempt else []
    if isinstance(exempt, _ADDRESS_TYPES):
        return [str(exempt)]
    return [str(one) if isinstance(one, _ADDRESS_TYPES) else _text(one) for one in exempt]


def _text(exemption: object) -> str:
    if not isinstance(exemption, str):
        raise TypeError(f"an exemption must be a str, an address or a network, not {type(exemption).__name__}")
    return exemption


def _hashes(roots: Path | Iterable[Buffer]) -> list[bytes]:
    if isinstance(roots, (str, os.PathLike)):
        return [_certificate.spki_hash(certificate) for certificate in _certificate.certificates(roots, "local_roots")]
    if _call.is_buffer(roots) or not hasattr(roots, "__iter__"):
        _call.refuse(roots, "local_roots", "path, or an iterable of bytes-like objects")
    return [_certificate.hash_of(root, "local_roots") for root in roots]


def _set(policy: Policy, name: str, value: object) -> None:
    object.__setattr__(policy, name, value)
