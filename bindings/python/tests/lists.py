"""Authority lists of our own: the world's, with authorities elsewhere, signed by a key that is made here."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from vectors import DIRECTORY
from world import World

# The independent reader of the vectors signs, too.
sys.path.append(str(DIRECTORY))
_minisign: Any = import_module("reference.minisign")
_SIGNER: Any = _minisign.Signer(bytes(range(32)), b"python00")
KEYS: str = _SIGNER.public


def write(directory: Path, document: dict[str, Any]) -> tuple[Path, str]:
    """Signs and writes a list: where it is, and the key."""
    path = directory / "authorities.json"
    octets = json.dumps(document).encode()
    path.write_bytes(octets)
    Path(f"{path}.minisig").write_text(_SIGNER.sign(octets))
    return path, KEYS


def elsewhere(world: World, directory: Path, urls: Mapping[str, str]) -> tuple[Path, str]:
    """The world's list, in which the authorities of these operators are at these URLs."""
    document = json.loads(world.authorities.read_text())
    for operator in document["operators"]:
        for authority in operator["authorities"]:
            authority["url"] = urls.get(operator["id"], authority["url"])
    return write(directory, document)
