"""A stock nginx, Debian's, in a directory of its own."""

from __future__ import annotations

import os
from pathlib import Path

import ports
from programs import Server

_PROGRAM = "/usr/sbin/nginx"

_CONFIG = """\
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 8192;
pid "{directory}/nginx.pid";
error_log "{directory}/error.log" info;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path "{directory}/body";
    proxy_temp_path "{directory}/proxy";
    fastcgi_temp_path "{directory}/fastcgi";
    uwsgi_temp_path "{directory}/uwsgi";
    scgi_temp_path "{directory}/scgi";
    server {{
        listen {address}:{port} ssl backlog=2048;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate "{chain}";
        ssl_certificate_key "{key}";
        ssl_session_tickets {tickets};
        root "{directory}/pages";
        default_type text/plain;
    }}
}}
"""

PAGES = {"kilobyte": b"k" * 1024, "megabyte": bytes(range(256)) * 4096}
"""What it serves, by path: a kilobyte, and something larger than TLS's records."""


class Nginx(Server):
    """Serves `/kilobyte` and `/megabyte` with a certificate, at `address` and a free port; ends with `stop`."""

    def __init__(
        self,
        directory: Path,
        address: str,
        chain: Path,
        key: Path,
        *,
        openssl_conf: Path | None = None,
        tickets: bool = True,
    ) -> None:
        pages = directory / "pages"
        pages.mkdir(parents=True)
        for name, page in PAGES.items():
            (pages / name).write_bytes(page)
        # Workers are another user than root.
        for path in [directory, pages, *pages.iterdir()]:
            path.chmod(0o755)
        self._held = ports.hold(address)
        self.port: int = self._held.getsockname()[1]
        config = directory / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                user="user www-data;" if os.geteuid() == 0 else "",
                directory=directory,
                address=address,
                port=self.port,
                chain=chain,
                key=key,
                tickets="on" if tickets else "off",
            )
        )
        environment = {} if openssl_conf is None else {"OPENSSL_CONF": str(openssl_conf)}
        command = [_PROGRAM, "-p", str(directory), "-c", str(config), "-e", str(directory / "error.log")]
        super().__init__(command, (address, self.port), directory / "output.log", environment)

    def stop(self) -> None:
        try:
            super().stop()
        finally:
            self._held.close()
