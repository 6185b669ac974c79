"""Servers as programs run them, each a script of its own that serves one page with TLS.

    python SCRIPT PORT CHAIN KEY STORE WAY

WAY says how they got to the vouchers in STORE: `attach`, by their own context, or `install`, by `mecai.install` before
anything else.
"""

from __future__ import annotations

_ASYNCIO = """
import asyncio, ssl, sys
import mecai

port, chain, key, store, way = sys.argv[1:]
if way == "install":
    mecai.install(vouchers=store, role="server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
else:
    context = mecai.create_default_context(ssl.Purpose.CLIENT_AUTH, vouchers=store, role="server")
context.load_cert_chain(chain, key)

async def answer(reader, writer):
    # A reader that went away is no error of ours.
    try:
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\nserved\\n")
        writer.close()
        await writer.wait_closed()
    except (OSError, asyncio.IncompleteReadError):
        writer.close()

async def serve():
    server = await asyncio.start_server(answer, ADDRESS, int(port), ssl=context, backlog=2048)
    async with server:
        await server.serve_forever()

asyncio.run(serve())
"""

_HTTP_SERVER = """
import ssl, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import mecai

port, chain, key, store, way = sys.argv[1:]
if way == "install":
    mecai.install(vouchers=store, role="server")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain, key)
if way == "attach":
    mecai.attach(context, vouchers=store, role="server")

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served\\n")

class Server(ThreadingHTTPServer):
    def get_request(self):
        connection, address = super().get_request()
        # The handshake belongs to the connection's own thread.
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, address):
        # A client that does not like what it is shown is no error of ours.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, address)

Server((ADDRESS, int(port)), Handler).serve_forever()
"""

_UVICORN = """
import sys
import uvicorn
import mecai

port, chain, key, store, way = sys.argv[1:]

async def application(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"served\\n"})

if way == "install":
    mecai.install(vouchers=store, role="server")
config = uvicorn.Config(
    application, ADDRESS, int(port), ssl_certfile=chain, ssl_keyfile=key, lifespan="off", loop="asyncio", http="h11"
)
config.load()
if way == "attach":
    mecai.attach(config.ssl, vouchers=store, role="server")
uvicorn.Server(config).run()
"""

_GUNICORN = """
import sys
from gunicorn.app.base import BaseApplication
import mecai

port, chain, key, store, way = sys.argv[1:]

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served\\n"]

def attached(config, default):
    context = default()
    mecai.attach(context, vouchers=store, role="server")
    return context

class Application(BaseApplication):
    def load_config(self):
        self.cfg.set("bind", f"{ADDRESS}:{port}")
        self.cfg.set("certfile", chain)
        self.cfg.set("keyfile", key)
        self.cfg.set("workers", 2)
        if way == "attach":
            self.cfg.set("ssl_context", attached)

    def load(self):
        return application

if way == "install":
    mecai.install(vouchers=store, role="server")
sys.argv[1:] = []
Application().run()
"""

SERVERS = {"asyncio": _ASYNCIO, "http_server": _HTTP_SERVER, "uvicorn": _UVICORN, "gunicorn": _GUNICORN}
WAYS = ["attach", "install"]
PAGE = "served\n"
