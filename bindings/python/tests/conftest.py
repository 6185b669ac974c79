"""What all tests share."""

from __future__ import annotations

import os
import platform
import ssl
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from world import World

_CLIENTS = ["aiohttp", "httpx", "requests", "urllib3", "gunicorn", "uvicorn", "cffi"]


def pytest_report_header() -> list[str]:
    versions = ", ".join(f"{name} {version(name)}" for name in ["mecai", *_CLIENTS])
    return [f"{platform.python_implementation()} {platform.python_version()}, {ssl.OPENSSL_VERSION}", versions]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells run.sh how many passed and failed."""
    if "MECAI_COUNTS" in os.environ:
        passed, failed, errors = (len(terminalreporter.stats.get(key, ())) for key in ("passed", "failed", "error"))
        Path(os.environ["MECAI_COUNTS"]).write_text(f"{passed} {failed + errors}\n")


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """One world for all tests of the session: tests that change it make a site, a store or an nginx of their own."""
    world = World()
    yield world
    world.end()
