"""Names of the world, resolved without asking anybody; and, run as a program, a script that sees them.

    python names.py FACTS.json SCRIPT [ARGUMENT…]

runs SCRIPT as `python SCRIPT [ARGUMENT…]` would, with FACTS's members as globals and its `names` resolved. It imports
neither ssl nor mecai, so that a script may choose when.
"""

from __future__ import annotations

import json
import runpy
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

_system: Callable[..., Any] = socket.getaddrinfo


def resolve(names: Mapping[str, str]) -> None:
    """From now on `socket.getaddrinfo` knows these names; all others are the system's."""

    def getaddrinfo(host: Any, *arguments: Any, **keywords: Any) -> Any:
        name = host.decode("ascii") if isinstance(host, (bytes, bytearray)) else host
        return _system(names.get(name, host), *arguments, **keywords)

    setattr(socket, "getaddrinfo", getaddrinfo)


def forget() -> None:
    """The system's resolver again."""
    setattr(socket, "getaddrinfo", _system)


def _main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        facts: dict[str, Any] = json.load(file)
    resolve(facts["names"])
    del sys.argv[:2]
    runpy.run_path(sys.argv[0], init_globals=facts, run_name="__main__")


if __name__ == "__main__":
    _main()
