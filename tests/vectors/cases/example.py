"""The last section of docs/spec.md: one complete example in hex, from the same keys as the vectors."""

import json

from reference import extension, names, pick, signing, structures
from reference.der import Reader
from reference.extension import u16

from . import world
from .world import HOST, MACHINE, NOW, SECRET

HEADING = "## 14. A complete example"
WIDTH = 32

ADDRESSES = ("192.0.2.10", "2001:db8::10")
LABELS = ("d", "f")


def section():
    """The text from the heading to the end of the file."""
    statement = world.statement(addresses=ADDRESSES)
    endorsements = sorted(
        (world.endorse(statement, label) for label in LABELS), key=lambda one: one["body"]["authority"]
    )
    bundle = world.join(statement, endorsements)
    parts = [
        HEADING,
        INTRODUCTION,
        "### The list and its key",
        list_key(),
        "### The authority's key",
        authority_key(),
        "### Statement",
        dump(statement, "Statement"),
        f"SHA-256 of these {len(statement)} octets:",
        block(hexes(signing.sha256(statement))),
        "### Endorsement",
        endorsement(
            statement, next(one for one in endorsements if one["body"]["authority"] == world.authority_id("d"))
        ),
        "### Bundle",
        f"The same statement endorsed by this authority (P-256) and another (Ed25519): {len(bundle)} octets.",
        dump(bundle, "VoucherBundle"),
        "### Answer in extension 0xFF4D",
        answer(bundle),
        "### Pick",
        picked(),
    ]
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """\
Written by `tests/vectors/generate.py`; do not edit it by hand. All keys are derived from public words: never use them.
ECDSA signatures are made as in RFC 6979, so they can be reproduced; a verifier accepts others as well."""


def list_key():
    signer = world.LIST_SIGNERS[0]
    entry = world.operator_entry("d", ca_names=["d root"])
    text = json.dumps(world.list_data([entry]), separators=(",", ":"))
    rows = [
        ("seed of the Ed25519 key", world.digest("minisign", "0")),
        ("key id", signer.key_id),
        ("public key", signer.key.public_key().public_bytes_raw()),
    ]
    return "\n\n".join(
        [
            named(rows),
            "As a minisign public key:",
            block([signer.public]),
            f"A list of one operator, {len(text)} octets in one line (broken here every 110), no newline at its end:",
            block([text[start : start + 110] for start in range(0, len(text), 110)]),
            "Its signature file:",
            block(signer.sign(text.encode()).splitlines()),
        ]
    )


def authority_key():
    key = world.authority_key("d")
    spki = world.spki_of(key)
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    rows = [
        ("private scalar (P-256)", scalar),
        ("SubjectPublicKeyInfo", spki),
        ("SPKI hash", signing.sha256(spki)),
        ("authority id", signing.authority_id(spki)),
    ]
    return named(rows)


def endorsement(statement, made):
    key = world.authority_key("d")
    body = structures.encode("EndorsementBody", made["body"])
    message = signing.signed_octets(world.spki_of(key), statement, body)
    signed = [
        ("label", message[:20]),
        ("zero", message[20:21]),
        ("SPKI hash", message[21:53]),
        ("statement", message[53:85]),
        ("body", message[85:]),
    ]
    return "\n\n".join(
        [
            "The body: both addresses seen, OCSP, an hour old.",
            dump(body, "EndorsementBody"),
            f"The signed octets, {len(message)} of them:",
            named(signed),
            "The signature, `r || s`, with ECDSA and SHA-256:",
            block(hexes(made["signature"])),
        ]
    )


def answer(bundle):
    octets = extension.encode_vouchers([bundle])
    rows = [("bundles<1..2^16-1>", octets[:2]), ("bundle<1..2^16-1>", octets[2:4])]
    return "\n\n".join(
        [
            f"{len(octets)} octets, of which the last {len(bundle)} are the bundle:",
            named(rows),
            "In a ClientHello the extension is:",
            block([(u16(extension.VOUCHERS) + u16(0)).hex()]),
        ]
    )


def picked():
    secret, domain = pick.mac(SECRET, b"mecai-secret-v1", MACHINE.encode()), "shop.example"
    offset = int.from_bytes(pick.mac(secret, b"mecai-epoch-v1")[:8], "big") % pick.EPOCH
    seed = pick.seed(SECRET, MACHINE, NOW, domain)
    rows = [
        ("secret", SECRET),
        ("machine id", MACHINE),
        ("now", f"{NOW} (2026-12-01T12:00:00Z)"),
        ("secret'", secret),
        ("offset", str(offset)),
        ("epoch", str(pick.epoch(SECRET, MACHINE, NOW))),
        ("domain", names.registrable_domain(HOST)),
        ("seed", seed),
        ("rank of operator-d", signing.sha256(seed + b"operator-d")),
        ("rank of operator-f", signing.sha256(seed + b"operator-f")),
    ]
    return named(rows)


# --- writing hex ----------------------------------------------------------------------------------------------------


def block(lines):
    return "\n".join("    " + line for line in lines)


def hexes(octets):
    return [octets[start : start + WIDTH].hex() for start in range(0, len(octets), WIDTH)]


def named(rows):
    lines = []
    for name, value in rows:
        values = hexes(value) if isinstance(value, bytes) else [value]
        lines += [f"{'' if n else name:26}{line}" for n, line in enumerate(values)]
    return block(lines)


FIELDS = {
    "Statement": ["version", "host", "port", "addresses", "certificate", "producedAt", "notAfter"],
    "EndorsementBody": ["authority", "seen", "source", "age"],
    "Endorsement": [("body", "EndorsementBody"), "signature"],
    "VoucherBundle": [("statement", "Statement"), ("endorsements", "Endorsement*")],
}


def dump(octets, kind):
    """One line per element: its octets (header and content apart), its name."""
    lines = []
    _element(octets, kind, kind, 0, lines)
    return block(lines)


def _element(octets, name, kind, depth, lines):
    indent = "  " * depth
    header = len(octets) - len(Reader(octets).element(octets[0]))
    if octets[0] == 0x30:
        lines.append(_line(indent + octets[:header].hex(" "), name))
        reader, place = Reader(octets[header:]), 0
        while not reader.empty():
            inner = reader.whole_element(reader.next_tag())
            label, below = _field(kind, place)
            _element(inner, label, below, depth + 1, lines)
            place += 1
        return
    content = hexes(octets[header:])
    lines.append(_line(indent + octets[:header].hex(" ") + " " + content[0], _note(name, octets[0], octets[header:])))
    lines += [indent + " " * (3 * header) + more for more in content[1:]]


def _field(kind, place):
    if kind and kind.endswith("*"):
        return kind[:-1], kind[:-1]
    if kind not in FIELDS:
        return "address", None
    field = FIELDS[kind][place]
    return (field, None) if isinstance(field, str) else field


def _line(octets, note):
    return f"{octets:<76}  {note}" if len(octets) <= 76 else f"{octets}  {note}"


def _note(name, tag, content):
    if tag in (0x0C, 0x18):
        return f"{name}: {content.decode()}"
    if tag in (0x02, 0x0A):
        return f"{name}: {int.from_bytes(content, 'big', signed=True)}"
    return name
