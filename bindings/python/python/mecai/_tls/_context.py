"""Contexts that have MECAI from the start."""

from __future__ import annotations

import os
import ssl
from operator import index
from typing import TYPE_CHECKING, Any

from mecai._native import ffi, lib

from .._errors import Error
from . import _attach, _defaults, _find, _settings, _stdlib
from ._settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

_HIGHEST_PORT = 65535


class SSLContext(_stdlib.Apart):
    """An `ssl.SSLContext` that MECAI is attached to, with these settings, whatever `install` has.

    `protocol` is PROTOCOL_TLS_CLIENT, whose connections verify and are judged, or PROTOCOL_TLS_SERVER, which shows the
    vouchers of the directory `vouchers`. Settings and errors are those of `attach`.
    """

    _port: int | None = None

    def __new__(
        cls, protocol: int = ssl.PROTOCOL_TLS_CLIENT, *arguments: Any, **settings: Unpack[Settings]
    ) -> Self:
        wanted = _settings.read(settings, cls.__name__)
        context = super().__new__(cls, protocol, *arguments)
        _attach.attach_wanted(context, wanted)
        return context

    @property
    def port(self) -> int | None:
        """The port that the program means, for every connection that is made from now on: vouchers for another one are
        then `wrong_port`. None, the default, states none: the verdict has the note `port_not_compared`."""
        return self._port

    @port.setter
    def port(self, port: int | None) -> None:
        if port is not None:
            port = index(port)
            if not 1 <= port <= _HIGHEST_PORT:
                raise ValueError(f"port is {port}, not 1 to {_HIGHEST_PORT}")
        self._port = port

    def _wrap_socket(self, *arguments: Any, **named: Any) -> Any:
        return self._made(super()._wrap_socket, arguments, named)  # type: ignore[misc]

    def _wrap_bio(self, *arguments: Any, **named: Any) -> Any:
        return self._made(super()._wrap_bio, arguments, named)  # type: ignore[misc]

    def _made(self, make: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if self._port is None or self.protocol == ssl.PROTOCOL_TLS_SERVER:
            return make(*arguments, **named)
        connection, made = _find.making(lambda: make(*arguments, **named))
        if not connection.server_side:
            result = lib.mecai_openssl_set_peer(made, ffi.NULL, 0, self._port)
            if result != lib.MECAI_OPENSSL_OK:
                sentence: bytes = ffi.string(lib.mecai_openssl_result_str(result))
                raise _find.failure(result, sentence.decode()) or Error(sentence.decode(), "port")
        return connection


def create_default_context(
    purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH,
    *,
    cafile: str | os.PathLike[str] | None = None,
    capath: str | os.PathLike[str] | None = None,
    cadata: str | bytes | None = None,
    **settings: Unpack[Settings],
) -> SSLContext:
    """What `ssl.create_default_context` makes, with MECAI attached, whatever `install` has.

    With the purpose CLIENT_AUTH it is a server's: `vouchers` is then the directory that it shows vouchers from.

    Raises what `attach` raises.
    """
    return _defaults.fill(SSLContext(_defaults.protocol(purpose), **settings), purpose, cafile, capath, cadata)
