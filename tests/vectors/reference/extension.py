"""The answers in the TLS extensions (section 5): framing only, nothing in it is decoded."""

from .codes import ANSWER_MAX, Refused

VOUCHERS, ALTERNATE, STAGED, CANDIDATES = 0xFF4D, 0xFF4E, 0xFF4F, 0xFF50


class Reader:
    def __init__(self, octets):
        self.octets = octets
        self.at = 0

    def vector(self, low):
        """A vector<low..2^16-1>."""
        start = self.at + 2
        length = int.from_bytes(self.octets[self.at : start], "big")
        if start > len(self.octets) or length < low or start + length > len(self.octets):
            raise Refused("answer_malformed", f"at octet {self.at}")
        self.at = start + length
        return self.octets[start : self.at]

    def items(self):
        """Vectors<1..2^16-1> to the last octet."""
        found = []
        while self.at < len(self.octets):
            found.append(self.vector(1))
        return found

    def finish(self):
        if self.at != len(self.octets):
            raise Refused("answer_malformed", "trailing octets")


def decode_vouchers(octets):
    """The bundles of a 0xFF4D answer."""
    _limit(octets)
    return _whole_list(octets)


def decode_alternate(octets):
    """(chain, bundles) of a 0xFF4E answer."""
    _limit(octets)
    reader = Reader(octets)
    chain, bundles = reader.vector(1), reader.vector(0)
    reader.finish()
    return Reader(chain).items(), Reader(bundles).items()


def decode_staged(octets):
    """[(chain, key proof)] of a 0xFF4F answer."""
    reader = Reader(octets)
    inner = Reader(reader.vector(1))
    reader.finish()
    found = []
    while inner.at < len(inner.octets):
        chain = Reader(inner.vector(1)).items()
        found.append((chain, inner.vector(1)))
    return found


def decode_candidates(octets):
    """The authority ids of a 0xFF50 request, ascending; the vector's length has one octet."""
    ids = octets[1:]
    if not octets or octets[0] != len(ids):
        raise Refused("answer_malformed", "another length")
    if not 8 <= len(ids) <= 248 or len(ids) % 8:
        raise Refused("answer_malformed", f"{len(ids)} octets of ids")
    found = [ids[start : start + 8] for start in range(0, len(ids), 8)]
    if any(later <= earlier for earlier, later in zip(found, found[1:])):
        raise Refused("answer_malformed", "ids that do not ascend")
    return found


def u16(number):
    return number.to_bytes(2, "big")


def vector(*items):
    content = b"".join(items)
    return u16(len(content)) + content


def encode_vouchers(bundles):
    return vector(*[vector(bundle) for bundle in bundles])


def encode_alternate(chain, bundles):
    return vector(*[vector(one) for one in chain]) + encode_vouchers(bundles)


def encode_staged(entries):
    return vector(*[vector(*[vector(one) for one in chain]) + vector(proof) for chain, proof in entries])


def _whole_list(octets):
    reader = Reader(octets)
    inner = Reader(reader.vector(1))
    reader.finish()
    return inner.items()


def _limit(octets):
    if len(octets) > ANSWER_MAX:
        raise Refused("answer_too_large", f"{len(octets)} octets")
