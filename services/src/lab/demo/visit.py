"""Fetches a page over one connection: visit.py ROOTS ADDRESS PORT SOURCE HOST VERSION check|unchecked.

Exit status 0 with the page on standard output, or 1 with the error on standard error."""

import socket
import ssl
import sys

roots, address, port, source, host, version, check = sys.argv[1:]
context = ssl.create_default_context(cafile=roots)
context.check_hostname = check == "check"
context.minimum_version = context.maximum_version = ssl.TLSVersion["TLSv" + version.replace(".", "_")]
try:
    with socket.create_connection((address, int(port)), 20, (source, 0)) as plain:
        with context.wrap_socket(plain, server_hostname=host) as tls:
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            while octets := tls.recv(65536):
                sys.stdout.write(octets.decode())
except ssl.SSLError as error:
    sys.exit(f"{type(error).__name__}: {error}")
