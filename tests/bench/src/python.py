"""What MECAI costs a request by http.client: a new connection for each, with and without, in turns. Prints JSON.

    python -c SCRIPT CAFILE HOST PORT REQUESTS AUTHORITIES KEY-FILE STATE

The server is at 127.0.0.1, whatever DNS says. REQUESTS are made with each context.
"""

from __future__ import annotations

import gc
import json
import socket
import ssl
import sys
import time
from http.client import HTTPSConnection
from statistics import median

import mecai

cafile, host, port, requests, authorities, key_file, state = sys.argv[1:]
place = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", int(port)))
setattr(socket, "getaddrinfo", lambda *_, **__: [place])

with open(key_file) as file:
    key = file.read().strip()
plain = ssl.create_default_context(cafile=cafile)
vouched = mecai.create_default_context(cafile=cafile, authorities=authorities, authorities_keys=key, state=state)


def request(context: ssl.SSLContext) -> float:
    """Makes one request; the seconds that it took."""
    began = time.perf_counter()
    connection = HTTPSConnection(host, int(port), context=context)
    connection.request("GET", "/kilobyte")
    response = connection.getresponse()
    body = response.read()
    took = time.perf_counter() - began
    assert len(body) == 1024, body
    if context is vouched:
        # Neither let through nor with a report, which costs more.
        verdict = mecai.verdict(connection)
        assert verdict.accepted and verdict.report is None, verdict
    connection.close()
    return took


def main() -> None:
    # What the first requests make, later ones find.
    for context in [plain, vouched] * 50:
        request(context)
    gc.collect()
    gc.freeze()
    times: dict[ssl.SSLContext, list[float]] = {plain: [], vouched: []}
    for number in range(int(requests)):
        for context in (plain, vouched) if number % 2 else (vouched, plain):
            times[context].append(request(context))
    middle = {context: median(taken) for context, taken in times.items()}
    figures = {
        "python.handshake_overhead_ratio": middle[vouched] / middle[plain],
        "python.plain_request_us": middle[plain] * 1e6,
    }
    print(json.dumps(figures))


main()
