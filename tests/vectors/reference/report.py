"""The mismatch report (section 10): its canonical octets and its file name."""

import base64
import ipaddress
import json

from . import extension, names, signing, times
from .codes import Refused


def report(case):
    """(text, file name) from the members of a case in report.json."""
    data = {
        "bundles": [_base64(one) for one in _bundles(case["answer"])],
        "chain": [_base64(bytes.fromhex(one)) for one in case["chain"]],
        "code": case["verdict_code"],
        "host": case["name_of_the_pick"],
        "hour": times.hour(case["now"]),
        "peer": _prefix(case["peer"]),
        "port": case["port"],
        "region": case["region"],
        "software": case["software"],
        "version": 1,
    }
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text, signing.sha256(text.encode()).hex() + ".json"


def _bundles(answer):
    if answer is None:
        return []
    octets = bytes.fromhex(answer)
    try:
        return extension.decode_vouchers(octets)
    except Refused:
        return [octets]


def _prefix(peer):
    if peer is None:
        return None
    address = names.literal(peer)
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def _base64(octets):
    return base64.b64encode(octets).decode()
