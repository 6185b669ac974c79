"""Asking authorities for vouchers."""
