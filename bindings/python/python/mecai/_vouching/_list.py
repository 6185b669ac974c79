"""Authority lists: who may vouch (docs/spec.md, section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mecai._native import ffi, lib

from .._errors import Error, FormatError
from .._library import _call
from .._library._handle import Held
from .._library._value import Value, iso, plain
from . import _certificate
from ._certificate import Path

if TYPE_CHECKING:
    from typing_extensions import Buffer

Algorithm = Literal["P-256", "P-384", "Ed25519"]
Authorities: TypeAlias = "AuthorityList | tuple[Path, str]"
"""A list, or where it is and the minisign keys that must have signed it."""

_ALGORITHMS: dict[int, Algorithm | None] = {
    lib.MECAI_ALGORITHM_UNKNOWN: None,
    lib.MECAI_ALGORITHM_P256: "P-256",
    lib.MECAI_ALGORITHM_P384: "P-384",
    lib.MECAI_ALGORITHM_ED25519: "Ed25519",
}
# A longer file is no list; it is not read whole to learn that.
_FILE_MAX = (4 << 20) + 1


@dataclass(frozen=True, slots=True, repr=False)
class Authority(Value):
    """A Vouching Authority."""

    id: bytes
    """8 octets, by which endorsements name it."""
    operator: str
    """The id of its operator."""
    public_key: bytes
    """The DER of its SubjectPublicKeyInfo."""
    algorithm: Algorithm | None
    """How it signs; None if that is not known here: then it can endorse nothing."""
    url: str
    regions: tuple[str, ...]
    """Where it looks from."""
    valid_from: datetime
    valid_until: datetime
    """The last second of its validity."""


@dataclass(frozen=True, slots=True, repr=False)
class Operator(Value):
    """An organisation that owns CA keys and runs authorities."""

    id: str
    name: str
    country: str
    """ISO 3166-1, two letters."""
    ca_keys: tuple[bytes, ...]
    """The SHA-256 of the SubjectPublicKeyInfo of each CA key: 32 octets."""
    authorities: tuple[Authority, ...]


class AuthorityList(Held):
    """A list whose signatures are good and that follows every rule. Whether it has expired depends on the time, which
    each verdict looks at.

    It does not change; any number of threads may use it at once. `len(list)` and iteration are over its operators.
    """

    __slots__ = ("expires", "issued", "operators", "sequence")
    _INSTEAD = "load it again where it is needed, so that it is verified there"

    sequence: int
    """Never goes back from one list to the next."""
    issued: datetime
    expires: datetime
    """The last second in which it is in force."""
    operators: tuple[Operator, ...]

    def __init__(self) -> None:
        raise TypeError("an AuthorityList is made by AuthorityList.read or AuthorityList.load")

    @classmethod
    def read(cls, json: Buffer, signatures: Buffer | str, keys: str, *, lowest_sequence: int = 0) -> AuthorityList:
        """Reads a list from its octets and those of its signatures, the file NAME.minisig.

        `keys`: which minisign keys must have signed it, "KEY" or "M of KEY, KEY, …". A list of a sequence below
        `lowest_sequence` is refused: keep the highest that was used (a `State` does).

        Raises `FormatError` with the code "list_malformed", "list_unsigned" or "list_rolled_back", `SettingsError` for
        `keys`.
        """
        octets = _call.octets(json, "json")
        signed = _signed(signatures)
        wanted = _call.text(keys, "keys")
        lowest = _call.number(lowest_sequence, "lowest_sequence", 0, (1 << 64) - 1)
        arguments = (octets, len(octets), signed, len(signed), wanted, lowest)
        self = object.__new__(cls)
        self._handle = _call.new("mecai_authority_list", lib.mecai_authority_list_read, *arguments)
        numbers, count = ffi.new("uint64_t[3]"), ffi.new("size_t *")
        _call.call(lib.mecai_authority_list_get, self._handle, numbers, numbers + 1, numbers + 2)
        _call.call(lib.mecai_authority_list_operator_count, self._handle, count)
        self.sequence = numbers[0]
        self.issued, self.expires = _call.moment(numbers[1]), _call.moment(numbers[2])
        self.operators = tuple(_read_operator(self._handle, index) for index in range(count[0]))
        return self

    @classmethod
    def load(cls, path: Path, keys: str, *, lowest_sequence: int = 0) -> AuthorityList:
        """Reads the list in a file, whose signatures stand beside it in `path` with ".minisig"; as `read` does.

        Raises `OSError` if one of the files cannot be read, too.
        """
        name = _call.path(path, "path")
        with open(name, "rb") as file, open(name + b".minisig", "rb") as signatures:
            octets, signed = file.read(_FILE_MAX), signatures.read(_FILE_MAX)
        return cls.read(octets, signed, keys, lowest_sequence=lowest_sequence)

    def owner(self, certificate: Buffer) -> Operator | None:
        """The operator that owns a CA key, given by a certificate on it (DER or PEM) or the SHA-256 of its
        SubjectPublicKeyInfo (32 octets); None if nobody in the list does.

        Raises `FormatError` with the code "chain" if it is no certificate.
        """
        spki_hash = _certificate.hash_of(certificate, "certificate")
        index = ffi.new("size_t *")
        try:
            _call.call(lib.mecai_authority_list_owner, self._handle, spki_hash, len(spki_hash), index)
        except Error as error:
            if error.code == "none":
                return None
            raise
        return self.operators[int(index[0])]

    def operator(self, id: str) -> Operator | None:
        """The operator with this id."""
        _call.text(id, "id")
        return next((operator for operator in self.operators if operator.id == id), None)

    def authority(self, id: Buffer) -> Authority | None:
        """The authority with this id, as endorsements name it."""
        wanted = _call.octets(id, "id")
        authorities = (authority for operator in self.operators for authority in operator.authorities)
        return next((authority for authority in authorities if authority.id == wanted), None)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {name: plain(getattr(self, name)) for name in ("sequence", "issued", "expires", "operators")}

    def __len__(self) -> int:
        return len(self.operators)

    def __iter__(self) -> Iterator[Operator]:
        return iter(self.operators)

    def __repr__(self) -> str:
        return f"<AuthorityList {self.sequence} of {len(self)} operators, until {iso(self.expires)}>"


def _signed(signatures: Buffer | str) -> bytes:
    octets = None if isinstance(signatures, str) else _call.octets(signatures, "signatures")
    try:
        if octets is None:
            return str.encode(signatures)  # type: ignore[arg-type]
        octets.decode()
    except UnicodeError:
        raise FormatError("the signatures of the authority list are not UTF-8", "list_unsigned") from None
    return octets


def list_of(authorities: Authorities, lowest_sequence: int = 0) -> AuthorityList:
    """A list, or that in a file."""
    if isinstance(authorities, AuthorityList):
        return authorities
    is_pair = isinstance(authorities, tuple) and len(authorities) == 2  # pyright: ignore
    if not is_pair:
        raise TypeError(f"authorities must be an AuthorityList or (path, keys), not {type(authorities).__name__}")
    path, keys = authorities
    return AuthorityList.load(path, keys, lowest_sequence=lowest_sequence)


def chain_owners(authorities: AuthorityList, chain: list[bytes]) -> tuple[str, ...]:
    """The ids of the operators that own a part of a chain, sorted. A chain of one certificate is its own anchor."""
    owners = (authorities.owner(certificate) for certificate in (chain[1:] or chain))
    return tuple(sorted({owner.id for owner in owners if owner is not None}))


def _read_operator(handle: Any, index: int) -> Operator:
    texts, keys, count = ffi.new("mecai_bytes[3]"), ffi.new("mecai_bytes *"), ffi.new("size_t *")
    _call.call(lib.mecai_authority_list_operator, handle, index, texts, texts + 1, texts + 2, count)
    _call.call(lib.mecai_authority_list_ca_keys, handle, index, keys)
    id, octets = _call.text_of(texts[0]), _call.octets_of(keys)
    return Operator(
        id=id,
        name=_call.text_of(texts[1]),
        country=_call.text_of(texts[2]),
        ca_keys=tuple(octets[start : start + 32] for start in range(0, len(octets), 32)),
        authorities=tuple(_read_authority(handle, id, index, place) for place in range(count[0])),
    )


def _read_authority(handle: Any, operator: str, operator_index: int, index: int) -> Authority:
    id, url, key = ffi.new("mecai_bytes *"), ffi.new("mecai_bytes *"), ffi.new("mecai_bytes *")
    times, algorithm, count = ffi.new("uint64_t[2]"), ffi.new("uint32_t *"), ffi.new("size_t *")
    which = (handle, operator_index, index)
    _call.call(lib.mecai_authority_list_authority, *which, id, url, times, times + 1)
    _call.call(lib.mecai_authority_list_public_key, *which, key, algorithm)
    _call.call(lib.mecai_authority_list_region_count, *which, count)
    regions: list[str] = []
    for place in range(count[0]):
        region = ffi.new("mecai_bytes *")
        _call.call(lib.mecai_authority_list_region, *which, place, region)
        regions.append(_call.text_of(region))
    return Authority(
        id=_call.octets_of(id),
        operator=operator,
        public_key=_call.octets_of(key),
        algorithm=_ALGORITHMS[algorithm[0]],
        url=_call.text_of(url),
        regions=tuple(regions),
        valid_from=_call.moment(times[0]),
        valid_until=_call.moment(times[1]),
    )
