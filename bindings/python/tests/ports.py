"""Ports that stay ours, and waiting until somebody listens."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable


def hold(address: str) -> socket.socket:
    """A TCP port at `address` that nobody else gets until the socket is closed.

    It is bound and never listens; a server with SO_REUSEADDR can listen on the same port meanwhile. The port is below
    those that Linux gives to clients.
    """
    for _ in range(256):
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            held.bind((address, random.randint(12_000, 32_767)))
        except OSError:
            held.close()
            continue
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return held
    raise OSError(f"no port is free at {address}")


def wait(address: tuple[str, int], ended: Callable[[], object], within: float = 30.0) -> None:
    """Returns when somebody accepts connections at `address`; an error if `ended` says something true before."""
    deadline = time.monotonic() + within
    while True:
        try:
            socket.create_connection(address, timeout=within).close()
            return
        except ConnectionRefusedError:
            said = ended()
            if said:
                raise OSError(f"nobody will listen at {address}: {said}") from None
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody listens at {address} after {within} s") from None
            time.sleep(0.01)
