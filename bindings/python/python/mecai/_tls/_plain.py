"""Contexts for this package's own requests."""

from __future__ import annotations

import ssl

from . import _defaults, _stdlib


class _Context(_stdlib.Apart):
    """A context without MECAI: an authority's own certificate needs no vouchers, or none could ever be fetched."""


def context() -> ssl.SSLContext:
    """A context with the defaults of `ssl.create_default_context`, which no `install` attends to."""
    return _defaults.fill(_Context(ssl.PROTOCOL_TLS_CLIENT), ssl.Purpose.SERVER_AUTH, None, None, None)
