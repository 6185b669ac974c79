"""Certificates that other Certificate Authorities vouch for: a hacked CA is harmless to a Python program that demands
vouchers."""

from __future__ import annotations

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
from ._fetching._fetch import fetch_vouchers, fetch_vouchers_async
from ._fetching._request import Failure
from ._fetching._round import Fetched
from ._tls._attach import attach
from ._tls._context import SSLContext, create_default_context
from ._tls._install import install, uninstall
from ._tls._peer import verdict
from ._tls._refusal import refusal
from ._tls._settings import Settings
from ._tls._status import ContextStatus, Status, status
from ._vouching._bundle import Bundle, Endorsement, Statement
from ._vouching._list import Authority, AuthorityList, Operator
from ._vouching._policy import Policy
from ._vouching._report import Report
from ._vouching._state import State, reports
from ._vouching._store import Store
from ._vouching._verdict import Alternate, Verdict
from ._vouching._verifier import Verifier, verify

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
