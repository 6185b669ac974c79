"""One process with two OpenSSLs: Python's own, and the one that the package cryptography brings. Says what came of a
connection by each to each server, and what each asks for.

usage: two_openssls.py ssl|foreign ROOT PORT…    the first word says which of the two is imported and used first
"""

import socket
import sys

HOST = "www.shop.example"
FIRST, ROOT, *PORTS = sys.argv[1:]


def extensions(hello):
    """The numbers of the extensions in a ClientHello."""
    hello = hello[5 + 4 + 2 + 32 :]
    hello = hello[1 + hello[0] :]
    hello = hello[2 + int.from_bytes(hello[:2], "big") :]
    hello = hello[1 + hello[0] :][2:]
    numbers = []
    while hello:
        numbers.append("%04x" % int.from_bytes(hello[:2], "big"))
        hello = hello[4 + int.from_bytes(hello[2:4], "big") :]
    return " ".join(sorted(numbers))


def own():
    import ssl

    context = ssl.create_default_context(cafile=ROOT)
    for port in PORTS:
        try:
            with socket.create_connection(("127.0.0.1", int(port))) as plain:
                with context.wrap_socket(plain, server_hostname=HOST) as connection:
                    print("ssl:", connection.version())
        except ssl.SSLError as error:
            print("ssl:", type(error).__name__)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname=HOST).do_handshake()
    except ssl.SSLWantReadError:
        print("ssl asks:", extensions(outgoing.read()))


def foreign():
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from OpenSSL import SSL

    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"abc")
    print("foreign:", digest.finalize().hex())
    key = ec.generate_private_key(ec.SECP256R1())
    key.public_key().verify(key.sign(b"abc", ec.ECDSA(hashes.SHA256())), b"abc", ec.ECDSA(hashes.SHA256()))

    def connection(plain):
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(ROOT)
        context.set_verify(SSL.VERIFY_PEER, lambda connection, certificate, error, depth, ok: bool(ok))
        new = SSL.Connection(context, plain)
        new.set_tlsext_host_name(HOST.encode())
        new.set_connect_state()
        return new

    for port in PORTS:
        with socket.create_connection(("127.0.0.1", int(port))) as plain:
            try:
                connected = connection(plain)
                connected.do_handshake()
                print("foreign:", connected.get_protocol_version_name(), connected.get_peer_certificate().digest("sha256"))
            except SSL.Error as error:
                print("foreign:", error)
    in_memory = connection(None)
    try:
        in_memory.do_handshake()
    except SSL.WantReadError:
        print("foreign asks:", extensions(in_memory.bio_read(65536)))


for use in (own, foreign, own) if FIRST == "ssl" else (foreign, own, foreign):
    use()
