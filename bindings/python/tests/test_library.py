"""The library inside the package: what it offers to the process, and what it takes from it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import mecai

LIBRARY = next(Path(mecai.__file__).with_name("_native").glob("*.so"))


def said(*command: str) -> str:
    return subprocess.run([*command, str(LIBRARY)], check=True, capture_output=True, text=True).stdout


def test_it_exports_the_functions_of_the_headers_and_nothing_else() -> None:
    names = [line.split()[-1] for line in said("nm", "--dynamic", "--defined-only").splitlines()]
    assert "mecai_bundle_parse" in names and "mecai_openssl_attach" in names
    assert [name for name in names if not name.startswith("mecai_")] == []


def test_it_is_linked_to_no_openssl_and_stays_in_memory() -> None:
    dynamic = said("readelf", "--dynamic", "--wide")
    needed = [line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "(NEEDED)" in line]
    assert "libc.so.6" in needed
    assert [name for name in needed if "ssl" in name or "crypto" in name] == []
    assert "NODELETE" in dynamic
