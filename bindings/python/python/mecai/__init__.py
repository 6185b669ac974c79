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
from ._fetch import fetch_vouchers, fetch_vouchers_async
from ._install import install, uninstall
from ._list import Authority, AuthorityList, Operator
from ._peer import verdict
from ._policy import Policy
from ._refusal import refusal
from ._report import Report
from ._request import Failure
from ._round import Fetched
from ._settings import Settings
from ._state import State, reports
from ._status import ContextStatus, Status, status
from ._store import Store
from ._verdict import Alternate, Verdict
from ._verifier import Verifier, verify

__all__ = [
    "AlreadyAttached",
    "Alternate",
    "Authority",
    "AuthorityList",
    "Bundle",
    "ContextStatus",
    "Endorsement",
    "Error",
    "Failure",
    "Fetched",
    "FormatError",
    "InternalError",
    "NotVouched",
    "Operator",
    "Policy",
    "Report",
    "SSLContext",
    "Settings",
    "SettingsError",
    "State",
    "Statement",
    "Status",
    "Store",
    "StoreError",
    "UnsupportedInterpreter",
    "Verdict",
    "Verifier",
    "VoucherError",
    "attach",
    "create_default_context",
    "fetch_vouchers",
    "fetch_vouchers_async",
    "install",
    "refusal",
    "reports",
    "status",
    "uninstall",
    "verdict",
    "verify",
]
