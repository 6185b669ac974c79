"""What can go wrong, one class for each way to deal with it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._vouching._verdict import Verdict


class Error(Exception):
    """The base of all errors of this package but `VoucherError`.

    `code` is a word that never changes, such as "malformed"; the message is one sentence with the values compared.
    """

    code: str

    def __init__(self, message: str, code: str = "error") -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class FormatError(Error, ValueError):
    """Octets, a list or a report that cannot be read, or that break a rule of their structure."""


class StoreError(Error, OSError):
    """A file or directory of a store or of a state that cannot be used."""


class SettingsError(Error, ValueError):
    """A setting that is none of those allowed, or that is missing."""


class NotVouched(Error):
    """No authority has vouched, or too few."""


class InternalError(Error, RuntimeError):
    """The library has failed inside: a fault of this package, not of its caller."""


class UnsupportedInterpreter(Error, RuntimeError):
    """This interpreter's `ssl` cannot be made to ask for vouchers."""


class AlreadyAttached(Error):
    """A context that MECAI is attached to already, or a process where it is installed with other settings."""


class VoucherError(ssl.SSLCertVerificationError):
    """A handshake that was refused by its `verdict`. It is what `ssl` raises for any bad certificate, with all that
    this has; `code` is the verdict's."""

    verdict: Verdict
    code: str

    def __init__(
        self, verdict: Verdict, number: int = ssl.SSLErrorNumber.SSL_ERROR_SSL, text: str | None = None
    ) -> None:
        super().__init__(number, str(verdict) if text is None else text)
        self.verdict = verdict
        self.code = verdict.code
        self.library = "SSL"
        self.reason = "CERTIFICATE_VERIFY_FAILED"
        self.verify_code = APPLICATION_VERIFICATION
        self.verify_message = "application verification failure"
        # aiohttp tells its users no more than these; `strerror` stays what OpenSSL said.
        self.args = (number, str(self))

    @classmethod
    def of(cls, original: ssl.SSLError, verdict: Verdict) -> VoucherError:
        """What to raise in the place of the interpreter's own error."""
        error = cls(verdict, original.errno or ssl.SSLErrorNumber.SSL_ERROR_SSL, original.strerror)
        error.__dict__.update(vars(original))
        return error

    def __str__(self) -> str:
        return f"MECAI {self.verdict.explanation}"

    def __repr__(self) -> str:
        # urllib3 and requests tell their users no more than this.
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[type[VoucherError], tuple[object, ...], dict[str, object]]:
        return type(self), (self.verdict, self.errno, self.strerror), vars(self)


# X509_V_ERR_APPLICATION_VERIFICATION: what OpenSSL has for the rules of a program of its own.
APPLICATION_VERIFICATION = 50

# Where programs find them, and what tracebacks say.
for _class in (
    Error,
    AlreadyAttached,
    FormatError,
    InternalError,
    NotVouched,
    SettingsError,
    StoreError,
    UnsupportedInterpreter,
    VoucherError,
):
    _class.__module__ = "mecai"
