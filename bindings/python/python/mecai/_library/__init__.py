"""Calls into the C library, and values that come out of it."""
