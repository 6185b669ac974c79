"""The directory with the vouchers of a server's certificates, which the agent writes and servers answer from
(docs/spec.md, section 11)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mecai._native import ffi, lib

from .._library import _call
from .._library._handle import Held
from . import _certificate
from ._bundle import Bundle
from ._certificate import Certificates, Path

if TYPE_CHECKING:
    from typing_extensions import Buffer

Extension = Literal["vouchers", "alternate", "staged"]

_EXTENSIONS: dict[str, int] = {
    "vouchers": lib.MECAI_EXTENSION_VOUCHERS,
    "alternate": lib.MECAI_EXTENSION_ALTERNATE,
    "staged": lib.MECAI_EXTENSION_STAGED,
}
_CAPACITY_MAX = (1 << 32) - 1


class Store(Held):
    """A store. Any number of threads may use it at once; only one program at a time may change its directory.

    Nothing is opened before it is needed, and nothing stays open: a directory that is not there may appear later.
    `capacity`: of how many certificates the answers are kept at hand. A `certificate` is one in DER or PEM, or its
    SHA-256 (32 octets).

    Every method raises `StoreError` with the code "store" if a file or directory cannot be used.
    """

    __slots__ = ("_capacity", "_changing", "_directory")
    _INSTEAD = "open its directory again"

    def __init__(self, directory: Path, *, capacity: int = 256) -> None:
        path = _call.path(directory, "directory")
        self._directory = os.fsdecode(path)
        self._changing = threading.Lock()
        self._capacity = _call.number(capacity, "capacity", 1, _CAPACITY_MAX)
        self._handle = self._open()

    @property
    def directory(self) -> str:
        """Its path."""
        return self._directory

    def certificates(self) -> tuple[bytes, ...]:
        """The SHA-256 of the certificates for which there are files, ascending. Whether these can be used is not looked
        at."""
        digests = _call.new("mecai_digests", lib.mecai_store_certificates, self._handle)
        count, view = ffi.new("size_t *"), ffi.new("mecai_bytes *")
        _call.call(lib.mecai_digests_count, digests, count)
        found: list[bytes] = []
        for index in range(count[0]):
            _call.call(lib.mecai_digests_get, digests, index, view)
            found.append(_call.octets_of(view))
        return tuple(found)

    def answer(
        self,
        certificate: Buffer,
        *,
        extension: Extension = "vouchers",
        name: str | None = None,
        now: datetime | float | None = None,
    ) -> bytes | None:
        """What a server answers to an extension in a handshake with this certificate, to a client that sent this SNI
        name; None if nothing is to be sent. Files are looked at once in five seconds at most; what this object has
        changed is seen at once."""
        digest = _certificate.digest_of(certificate, "certificate")
        number = _call.one_of(_EXTENSIONS, "extension", extension)
        sni = ffi.NULL if name is None else _call.text(name, "name")
        place, error = ffi.new("mecai_answer **"), ffi.new("mecai_error **")
        arguments = (digest, len(digest), number, sni, _call.time_or_now(now, "now"), place, error)
        _call.check(lib.mecai_store_answer(self._handle, *arguments), error)
        _call.warn(error, "a file of the store cannot be used; what was read before is shown")
        if place[0] == ffi.NULL:
            return None
        answer, octets = ffi.gc(place[0], lib.mecai_answer_free), ffi.new("mecai_bytes *")
        _call.call(lib.mecai_answer_octets, answer, ffi.NULL, octets)
        return _call.octets_of(octets)

    def add(
        self, certificate: Buffer, bundles: Bundle | Iterable[Bundle | Buffer], *, now: datetime | float | None = None
    ) -> int:
        """Adds bundles to the file of a certificate, which is made if it is not there; they are for this certificate,
        or for the alternate that the file has. Of each host and port the four freshest stay that are in force at the
        time `now`. Gives of how many the file has no room for.

        Raises `FormatError` for what is no bundle, `StoreError` for one that is for another certificate; then nothing
        has changed.
        """
        digest = _certificate.digest_of(certificate, "certificate")
        buffers = [bundles.der] if isinstance(bundles, Bundle) else _ders(bundles)
        views, left_out = _call.Views(buffers), ffi.new("size_t *")
        arguments = (digest, len(digest), views.views, len(views), _call.time_or_now(now, "now"), left_out)
        self._change(lib.mecai_store_add_bundles, *arguments)
        return int(left_out[0])

    def set_alternate(self, certificate: Buffer, alternate: Certificates | None) -> None:
        """Sets the second certificate that is shown beside one: its chain, end entity first, 1 to 10 certificates, in
        DER or PEM or a file; None takes it away. Clients go over only to one on the same key, for the same names, of
        another operator; whether it is, is not looked at."""
        digest = _certificate.digest_of(certificate, "certificate")
        chain = [] if alternate is None else _certificate.certificates(alternate, "alternate")
        views = _call.Views(chain)
        self._change(lib.mecai_store_set_alternate, digest, len(digest), views.views, len(views))

    def remove(self, certificate: Buffer) -> None:
        """Takes away everything that is stored for a certificate; if that is nothing, it is no error. A server that has
        read it goes on until it expires."""
        digest = _certificate.digest_of(certificate, "certificate")
        self._change(lib.mecai_store_remove, digest, len(digest))

    def write_serverinfo(self, certificate: Buffer, path: Path, *, now: datetime | float | None = None) -> None:
        """Writes an OpenSSL serverinfo file, for servers without the module: what is answered at the time `now` to
        clients that name no host. Without vouchers it says nothing, and servers can read it all the same. A file of
        this path is replaced."""
        digest = _certificate.digest_of(certificate, "certificate")
        arguments = (digest, len(digest), _call.path(path, "path"), _call.time_or_now(now, "now"))
        _call.call(lib.mecai_store_write_serverinfo, self._handle, *arguments)

    def _open(self) -> Any:
        return _call.new("mecai_store", lib.mecai_store_open, os.fsencode(self._directory), self._capacity)

    def _change(self, function: Any, *arguments: Any) -> None:
        """Changes a file: one thread at a time, and what was read before is not shown any more."""
        with self._changing:
            _call.call(function, self._handle, *arguments)
            self._handle = self._open()

    def __repr__(self) -> str:
        return f"<Store in {self._directory!r}>"


def _ders(bundles: Iterable[Bundle | Buffer]) -> list[bytes]:
    if isinstance(bundles, str) or _call.is_buffer(bundles) or not hasattr(bundles, "__iter__"):
        _call.refuse(bundles, "bundles", "Bundle, or an iterable of them or of their octets")
    return _call.items([bundle.der if isinstance(bundle, Bundle) else bundle for bundle in bundles], "bundles")
