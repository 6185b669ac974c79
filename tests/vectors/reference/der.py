"""Strict DER (section 1): a reader that must finish empty, and a writer that can also write what is wrong."""

from .codes import Refused

INTEGER, BIT_STRING, OCTET_STRING, ENUMERATED = 0x02, 0x03, 0x04, 0x0A
UTF8_STRING, GENERALIZED_TIME, SEQUENCE = 0x0C, 0x18, 0x30


class Reader:
    """Reads elements one after another; every deviation from DER is `malformed`."""

    def __init__(self, octets):
        self.octets = octets
        self.at = 0

    def empty(self):
        return self.at == len(self.octets)

    def next_tag(self):
        return None if self.empty() else self.octets[self.at]

    def element(self, tag):
        """The content of the next element, which must have this tag (one octet)."""
        if self.next_tag() != tag:
            raise Refused("malformed", f"tag {self.next_tag()} where {tag} is due")
        start = self.at
        length, head = self._length(start + 1)
        if start + head + length > len(self.octets):
            raise Refused("malformed", "an element is longer than what holds it")
        self.at = start + head + length
        return self.octets[start + head : self.at]

    def whole_element(self, tag):
        """The next element with its tag and length."""
        start = self.at
        self.element(tag)
        return self.octets[start : self.at]

    def finish(self):
        if not self.empty():
            raise Refused("malformed", f"{len(self.octets) - self.at} trailing octets")

    def _length(self, at):
        """(length, octets of tag and length); definite and minimal only."""
        if at >= len(self.octets):
            raise Refused("malformed", "no length")
        first = self.octets[at]
        if first < 0x80:
            return first, 2
        count = first & 0x7F
        if count == 0 or count > 4:
            raise Refused("malformed", "indefinite or absurd length")
        digits = self.octets[at + 1 : at + 1 + count]
        if len(digits) != count or digits[0] == 0:
            raise Refused("malformed", "a length that is not minimal")
        length = int.from_bytes(digits, "big")
        if length < 0x80:
            raise Refused("malformed", "a length that is not minimal")
        return length, 2 + count


def integer(content):
    """The value of an INTEGER's or ENUMERATED's content octets."""
    if not content:
        raise Refused("malformed", "an empty integer")
    if len(content) > 1:
        if (content[0] == 0 and content[1] < 0x80) or (content[0] == 0xFF and content[1] >= 0x80):
            raise Refused("malformed", "an integer that is not minimal")
    return int.from_bytes(content, "big", signed=True)


def bounded(content, low, high):
    value = integer(content)
    if not low <= value <= high:
        raise Refused("malformed", f"{value} is not in {low}..{high}")
    return value


def only(octets, tag):
    """The content of the single element that these octets are."""
    reader = Reader(octets)
    content = reader.element(tag)
    reader.finish()
    return content


def tlv(tag, *contents, length=None):
    """Writes an element; `length` gives other length octets than the right ones."""
    content = b"".join(contents)
    return bytes([tag]) + (encode_length(len(content)) if length is None else length) + content


def encode_length(number):
    if number < 0x80:
        return bytes([number])
    digits = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits
