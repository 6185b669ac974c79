"""A TLS peer that puts extensions where none belong, or with contents that they must not have.

usage: peer.py server CERTIFICATES KEY
       peer.py client PORT SERVER_NAME [CERTIFICATES KEY]

Each line on standard input is one connection, in JSON: {"version": "1.3", "into": "certificate", "extensions":
[[65357, "00ff"]], "group": "x25519"}. What came of it is printed: `alert 50`, the alert that the other side sent;
`finished`; or what else ended it. A server first prints its port.
"""

import contextlib
import json
import socket
import sys

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.errors import TLSError, TLSRemoteAlert
from tlslite.extensions import TLSExtension
from tlslite.messages import (
    Certificate,
    CertificateRequest,
    ClientHello,
    EncryptedExtensions,
    ServerHello,
)

RETRY = bytearray.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
VERSIONS = {"1.2": (3, 3), "1.3": (3, 4)}

case = {}


def add_to(target):
    """Adds the extensions of the case to a message, or an entry of one, that is about to be written."""
    ours = [number for number, _ in case["extensions"]]
    # A message may be written more than once.
    others = [extension for extension in target.extensions or [] if extension.extType not in ours]
    fresh = [TLSExtension(extType=number).create(bytearray.fromhex(octets)) for number, octets in case["extensions"]]
    target.extensions = others + fresh


def patch(message, places):
    """Lets `message` carry the extensions of a case for one of `places`: name to what gives the targets."""
    write = message.write

    def hostile(self):
        if case["into"] in places:
            for target in places[case["into"]](self):
                add_to(target)
        return write(self)

    message.write = hostile


patch(ClientHello, {"client_hello": lambda hello: [hello]})
patch(
    ServerHello,
    {
        "server_hello": lambda hello: [hello] if hello.random != RETRY else [],
        "hello_retry_request": lambda hello: [hello] if hello.random == RETRY else [],
    },
)
patch(EncryptedExtensions, {"encrypted_extensions": lambda extensions: [extensions]})
patch(CertificateRequest, {"certificate_request": lambda request: [request]})
patch(
    Certificate,
    {
        "certificate": lambda certificate: certificate.certificate_list[:1],
        "second_certificate": lambda certificate: certificate.certificate_list[1:2],
        "both_certificates": lambda certificate: certificate.certificate_list[:2],
    },
)


class Patient:
    """A connection on which writing never fails: the alert that says why the other side is gone can still be read."""

    def __init__(self, plain):
        self.plain = plain

    def __getattr__(self, name):
        return getattr(self.plain, name)

    def send(self, octets):
        with contextlib.suppress(OSError):
            return self.plain.send(octets)
        return len(octets)

    def sendall(self, octets):
        with contextlib.suppress(OSError):
            self.plain.sendall(octets)


def settings():
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = VERSIONS[case["version"]]
    settings.certificate_compression_send = settings.certificate_compression_receive = []
    if group := case.get("group"):
        settings.eccCurves = settings.keyShares = [group]
    return settings


def outcome(handshake):
    """What came of a handshake."""
    try:
        handshake()
    except TLSRemoteAlert as alert:
        return f"alert {alert.description}"
    except (TLSError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return "finished"


def identity(certificates, key):
    chain = X509CertChain()
    with open(certificates, encoding="ascii") as file:
        chain.parsePemList(file.read())
    with open(key, encoding="ascii") as file:
        return chain, parsePEMKey(file.read(), private=True)


def serve(plain, chain, key):
    connection = TLSConnection(Patient(plain))

    def handshake():
        asks = case["into"] == "certificate_request"
        connection.handshakeServer(
            certChain=chain, privateKey=key, settings=settings(), reqCert=asks, alpn=[bytearray(b"http/1.1")]
        )

    result = outcome(handshake)
    # The client may be one that says nothing.
    with contextlib.suppress(TLSError, OSError):
        connection.read(max=4096, min=1)
        connection.write(b"HTTP/1.0 200 OK\r\n\r\n")
        connection.close()
    return result


def ask(plain, name, chain=None, key=None):
    connection = TLSConnection(Patient(plain))

    def handshake():
        connection.handshakeClientCert(chain, key, settings=settings(), serverName=name)
        # In TLS 1.3 the server tells only now what it thinks of the client's certificate.
        connection.write(b"GET / HTTP/1.0\r\n\r\n")
        connection.read(max=4096, min=1)

    return outcome(handshake)


def main():
    role, *arguments = sys.argv[1:]
    if role == "server":
        listener = socket.create_server(("127.0.0.1", 0))
        chain, key = identity(*arguments)
        print(listener.getsockname()[1], flush=True)
    for line in sys.stdin:
        case.clear()
        case.update(json.loads(line))
        if role == "server":
            plain, _ = listener.accept()
        else:
            plain = socket.create_connection(("127.0.0.1", int(arguments[0])))
        with plain:
            plain.settimeout(20)
            if role == "server":
                print(serve(plain, chain, key), flush=True)
            else:
                own = identity(*arguments[2:]) if len(arguments) > 2 else ()
                print(ask(plain, arguments[1], *own), flush=True)


main()
