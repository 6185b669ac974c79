"""Certificates that other Certificate Authorities vouch for: a hacked CA is harmless to a Python program that demands
vouchers."""

from __future__ import annotations

from ._attach import attach
from ._bundle import Bundle, Endorsement, Statement
from ._context import SSLContext, create_default_context
from ._errors import (
    AlreadyAttached,
    Error,
    FormatError,
    InternalError,
    NotVouched,
    SettingsError,
    StoreError,
    UnsupportedInterpreter,
    VoucherError,
)
from ._install import install, uninstall
from ._peer import verdict
from ._refusal import refusal
from ._report import Report
from ._settings import Settings
from ._status import ContextStatus, Status, status
from ._verdict import Alternate, Verdict

__all__ = [
    "AlreadyAttached",
    "Alternate",
    "Bundle",
    "ContextStatus",
    "Endorsement",
    "Error",
    "FormatError",
    "InternalError",
    "NotVouched",
    "Report",
    "SSLContext",
    "Settings",
    "SettingsError",
    "Statement",
    "Status",
    "StoreError",
    "UnsupportedInterpreter",
    "Verdict",
    "VoucherError",
    "attach",
    "create_default_context",
    "install",
    "refusal",
    "status",
    "uninstall",
    "verdict",
]
