"""DER as trees, so that octets can be changed by their structure, and answers that no structure has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SEQUENCE = 0x30


@dataclass
class Node:
    """An element: its content, or the elements in it."""

    tag: int
    content: bytes = b""
    inner: list[Node] = field(default_factory=list["Node"])
    is_long: bool = False
    """Whether its length is written with an octet more than it needs."""

    def octets(self) -> bytes:
        content = b"".join(one.octets() for one in self.inner) if self.tag == SEQUENCE else self.content
        size = len(content)
        if size < 0x80 and not self.is_long:
            return bytes([self.tag, size]) + content
        length = size.to_bytes((size.bit_length() + 7) // 8 + self.is_long, "big")
        return bytes([self.tag, 0x80 | len(length)]) + length + content

    def all(self) -> list[tuple[list[Node], int]]:
        """Where each element is: in which list, and at what place; from the outside to the inside."""
        found: list[tuple[list[Node], int]] = []
        for place, one in enumerate(self.inner):
            found.append((self.inner, place))
            found += one.all()
        return found


def read(octets: bytes) -> Node:
    """The tree of one element, of which nothing was changed yet."""
    (node,) = _elements(octets)
    return node


def _elements(octets: bytes) -> list[Node]:
    found: list[Node] = []
    at = 0
    while at < len(octets):
        tag, size, start = octets[at], octets[at + 1], at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(octets[at + 2 : start], "big")
        at = start + size
        content = octets[start:at]
        found.append(Node(tag, inner=_elements(content)) if tag == SEQUENCE else Node(tag, content))
    return found


def change(octets: bytes, changes: Sequence[tuple[int, int, int]]) -> bytes:
    """The element after some changes: which kind, where, how much."""
    if not changes:
        return octets
    root = read(octets)
    for kind, where, much in changes:
        places = root.all()
        if places:
            inner, place = places[where % len(places)]
            _KINDS[kind % len(_KINDS)](inner, place, much)
    return root.octets()


def _drop(inner: list[Node], place: int, much: int) -> None:
    del inner[place]


def _double(inner: list[Node], place: int, much: int) -> None:
    inner.insert(place, inner[place])


def _swap(inner: list[Node], place: int, much: int) -> None:
    other = much % len(inner)
    inner[place], inner[other] = inner[other], inner[place]


def _retag(inner: list[Node], place: int, much: int) -> None:
    old = inner[place]
    content = b"".join(one.octets() for one in old.inner) if old.tag == SEQUENCE else old.content
    inner[place] = Node((2, 4, 3, 10, 12, 24, 0x80, 0x31)[much % 8], content)


def _flip(inner: list[Node], place: int, much: int) -> None:
    """Changes one bit of the content."""
    if inner[place].content:
        octets = bytearray(inner[place].content)
        octets[much // 8 % len(octets)] ^= 1 << much % 8
        inner[place] = Node(inner[place].tag, bytes(octets))


def _lengthen(inner: list[Node], place: int, much: int) -> None:
    inner[place] = Node(inner[place].tag, inner[place].content + bytes([much & 0xFF]), inner[place].inner)


def _shorten(inner: list[Node], place: int, much: int) -> None:
    inner[place] = Node(inner[place].tag, inner[place].content[:-1], inner[place].inner[:-1])


def _add_zero(inner: list[Node], place: int, much: int) -> None:
    """A zero before the content: a number that is not written shortly."""
    inner[place] = Node(inner[place].tag, b"\0" + inner[place].content, inner[place].inner)


def _write_long(inner: list[Node], place: int, much: int) -> None:
    inner[place] = Node(inner[place].tag, inner[place].content, inner[place].inner, is_long=True)


_KINDS: Sequence[Callable[[list[Node], int, int], None]] = (
    _drop,
    _double,
    _swap,
    _retag,
    _flip,
    _flip,
    _lengthen,
    _shorten,
    _add_zero,
    _write_long,
)
