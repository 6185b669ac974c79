"""Certificates that other Certificate Authorities vouch for: a hacked CA is harmless to a Python program that demands
vouchers."""

from __future__ import annotations

from ._bundle import Bundle, Endorsement, Statement
from ._errors import (
    Error,
    FormatError,
    InternalError,
    NotVouched,
    SettingsError,
    StoreError,
    UnsupportedInterpreter,
    VoucherError,
)
from ._report import Report
from ._verdict import Alternate, Verdict

__all__ = [
    "Alternate",
    "Bundle",
    "Endorsement",
    "Error",
    "FormatError",
    "InternalError",
    "NotVouched",
    "Report",
    "SettingsError",
    "Statement",
    "StoreError",
    "UnsupportedInterpreter",
    "Verdict",
    "VoucherError",
]
