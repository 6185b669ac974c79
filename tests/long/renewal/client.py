"""Visits a server again and again, and says of each visit which certificate it was shown.

usage: client.py ROOTS HOST ADDRESS PORT PACE

Every visit is a full handshake, by TLS 1.3 and 1.2 in turn, and a page. There are PACE of them a second, each when
it is due: one that takes long is made up for. It goes on until its standard input ends. A line is `served SHA256` or
`failed WORDS`.
"""

import hashlib
import itertools
import select
import socket
import ssl
import sys
import time

PATIENCE = 20


def context(roots, version):
    made = ssl.create_default_context(cafile=roots)
    # Among the roots are CA certificates that others have signed.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.minimum_version = made.maximum_version = version
    return made


def visit(with_context, host, address):
    with socket.create_connection(address, PATIENCE) as plain:
        with with_context.wrap_socket(plain, server_hostname=host) as tls:
            if tls.session_reused:
                raise OSError("a session was resumed")
            tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
            page = b""
            while octets := tls.recv(65536):
                page += octets
            if not page.startswith(b"HTTP/1.1 200 "):
                raise OSError(f"no page: {page!r}")
            return hashlib.sha256(tls.getpeercert(True)).hexdigest()


def main(roots, host, address, port, pace):
    contexts = [context(roots, version) for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2)]
    due = time.monotonic()
    for with_context in itertools.cycle(contexts):
        try:
            print("served", visit(with_context, host, (address, int(port))), flush=True)
        except OSError as error:
            print("failed", time.strftime("%H:%M:%S"), repr(error), flush=True)
        due += 1 / float(pace)
        if select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
            return


main(*sys.argv[1:])
