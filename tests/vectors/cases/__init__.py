"""The cases: what is fed in, and the expectation written down by hand."""
