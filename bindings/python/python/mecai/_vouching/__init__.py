"""Vouchers themselves: what they say, whose they are, where they are kept, and what follows from them."""
