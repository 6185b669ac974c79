"""Section 13: every code with its number, and the one error of this package."""

CODES = {
    "accepted": 0x4D01,
    "exempt_dane": 10,
    "exempt_local_root": 11,
    "exempt_name": 12,
    "exempt_address": 13,
    "configuration": 20,
    "no_list": 21,
    "list_malformed": 22,
    "list_unsigned": 23,
    "list_rolled_back": 24,
    "list_expired": 25,
    "no_reference_identity": 26,
    "chain_not_trusted": 30,
    "root_not_listed": 31,
    "no_voucher": 40,
    "answer_too_large": 41,
    "answer_malformed": 42,
    "malformed": 43,
    "unknown_version": 44,
    "too_long_lived": 45,
    "unknown_authority": 46,
    "unknown_algorithm": 47,
    "authority_not_valid": 48,
    "bad_signature": 49,
    "clock_behind": 50,
    "expired": 51,
    "wrong_certificate": 52,
    "wrong_host": 53,
    "wrong_port": 54,
    "own_operator": 55,
    "suspicious_certificate": 56,
    "peer_unknown": 60,
    "address_not_seen": 61,
    "alternate_too_large": 70,
    "alternate_malformed": 71,
    "alternate_other_key": 72,
    "alternate_not_trusted": 73,
    "alternate_wrong_name": 74,
    "alternate_same_operator": 75,
}

# Constants of section 1.
LIFETIME_MAX = 86_400
CLOCK_TOLERANCE = 300
AGE_MAX = 864_000
ADDRESSES_MAX = 16
ENDORSEMENTS_MAX = 255
ANSWER_MAX = 16_384
LIST_LIFETIME_MAX = 2_592_000
EPOCH = 7_776_000
STAY_MAX = 30


class Refused(Exception):
    """Something does not follow the specification; `code` says which check failed."""

    def __init__(self, code, detail=""):
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
