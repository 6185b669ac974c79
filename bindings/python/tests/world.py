"""A world on loopback (`mecai lab up`): operators with real authorities, and nginx with a vouched site."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import names
import pki
import vouchers
from cryptography.hazmat.primitives.asymmetric import ec
from nginx import Nginx
from programs import MECAI, MODULE

HOST = "www.shop.example"
ADDRESS = "127.10.0.1"
OWNER = "operator-a"
"""Whose certificate the site has: this operator's authority does not vouch for it."""


class World:
    """What is in it, and what can be made with its keys. `end` takes it down."""

    def __init__(self) -> None:
        # Workers of nginx are another user, who must get in.
        self.base = Path(tempfile.mkdtemp(prefix="mecai-python-"))
        self.base.chmod(0o755)
        self.directory = self.base / "world"
        self._numbers = count()
        try:
            self._process = self._start()
            self.file = self._read()
            self.roots = Path(self.file["roots"])
            self.authorities = Path(self.file["authorities"])
            self.authorities_keys: str = self.file["authorities_keys"]
            self.operators: list[str] = [operator["id"] for operator in self.file["operators"]]
            self.site = self.directory / "sites" / HOST
            self.store = self.site / "vouchers"
            """The store that the site's agent writes; its only vouchers are the site's."""
            self.chain = self.site / "chain.pem"
            self.chain_der = pki.load_chain(self.chain)
            self.key = self.site / "key.pem"
            listen = (self.site / "nginx/nginx.conf").read_text().split("listen ", 1)[1]
            self.port = int(listen.split(" ", 1)[0].rsplit(":", 1)[1])
            self._wait_for_vouchers()
            self.unvouched = Nginx(self.fresh("unvouched"), ADDRESS, self.chain, self.key)
            """The same certificate at the same address, by an nginx that shows no vouchers."""
        except BaseException:
            self.end()
            raise
        names.resolve(self.names)

    def _start(self) -> subprocess.Popen[str]:
        command = [MECAI, "lab", "up", "--json", "--dir", str(self.directory), "--site", HOST, "--module", MODULE]
        with (self.base / "lab.log").open("wb") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def _read(self) -> Any:
        assert self._process.stdout is not None
        lines: list[str] = []
        for line in self._process.stdout:
            lines.append(line)
            if line == "}\n":
                return json.loads("".join(lines))
        raise OSError(f"mecai lab up ended: {(self.base / 'lab.log').read_text()}")

    def _wait_for_vouchers(self) -> None:
        """Until nginx shows what the agent was given.

        The authorities' visits made it look for vouchers when there were none, and it looks again after 5 seconds; a
        new worker looks at once.
        """
        self._wait(lambda: bool(list(self.store.glob("*.vouchers"))))
        master = int((self.site / "nginx/nginx.pid").read_text())
        workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        os.kill(master, signal.SIGHUP)
        self._wait(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))

    def _wait(self, is_done: Callable[[], bool], within: float = 60.0) -> None:
        deadline = time.monotonic() + within
        while not is_done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no vouchers after {within} s: {(self.site / 'agent.log').read_text()}")
            time.sleep(0.01)

    def end(self) -> None:
        """Ends what has begun, and removes every file."""
        names.forget()
        if hasattr(self, "unvouched"):
            self.unvouched.stop()
        if hasattr(self, "_process"):
            self._process.terminate()
            self._process.wait(60)
            assert self._process.stdout is not None
            self._process.stdout.close()
        shutil.rmtree(self.base)

    @property
    def names(self) -> dict[str, str]:
        return {HOST: ADDRESS}

    @property
    def url(self) -> str:
        """The vouched site: one short page, whatever the path."""
        return f"https://{HOST}:{self.port}/"

    @property
    def unvouched_url(self) -> str:
        return f"https://{HOST}:{self.unvouched.port}/kilobyte"

    def settings(self, state: Path | None = None) -> dict[str, Any]:
        """What a client has to be told; `state` is one test's own (tmp_path / "state")."""
        settings: dict[str, Any] = {"authorities": str(self.authorities), "authorities_keys": self.authorities_keys}
        return settings if state is None else {**settings, "state": str(state)}

    def facts(self, state: Path | None = None) -> dict[str, Any]:
        """What scripts in processes of their own get as globals: see `programs.python`."""
        return {
            "names": self.names,
            "HOST": HOST,
            "ADDRESS": ADDRESS,
            "PORT": self.port,
            "URL": self.url,
            "UNVOUCHED_PORT": self.unvouched.port,
            "UNVOUCHED_URL": self.unvouched_url,
            "CAFILE": str(self.roots),
            "SETTINGS": self.settings(state),
        }

    def trust(self) -> dict[str, str]:
        """Environment of a program that shall trust the world's roots by default, whichever client it uses."""
        return {"SSL_CERT_FILE": str(self.roots), "REQUESTS_CA_BUNDLE": str(self.roots)}

    def fresh(self, name: str) -> Path:
        """A new directory that every user may enter."""
        path = self.base / f"{next(self._numbers)}-{name}"
        path.mkdir(mode=0o755)
        return path

    def operator(self, identifier: str) -> Any:
        """An operator's entry in world.json."""
        return self.file["operators"][self.operators.index(identifier)]

    def issue(
        self,
        hosts: list[str],
        operator: str = OWNER,
        key: ec.EllipticCurvePrivateKey | None = None,
        lifetime: timedelta = timedelta(days=90),
    ) -> pki.Issued:
        """A certificate by an operator's intermediate."""
        entry = self.operator(operator)["intermediate"]
        directory = self.base / f"{next(self._numbers)}-issued"
        return pki.issue(Path(entry["certificate"]), Path(entry["key"]), directory, hosts, key, lifetime)

    def authority_keys(self, operators: Iterable[str]) -> list[ec.EllipticCurvePrivateKey]:
        return [pki.load_key(Path(self.operator(operator)["authority"]["key"])) for operator in operators]

    def others(self, owner: str = OWNER) -> list[str]:
        """Everybody who may vouch for a certificate of `owner`."""
        return [operator for operator in self.operators if operator != owner]

    def vouch(
        self,
        certificate: bytes,
        operators: Iterable[str],
        *,
        host: str = HOST,
        port: int | None = None,
        addresses: tuple[str, ...] = (ADDRESS,),
        **keywords: Any,
    ) -> bytes:
        """A bundle by the authorities of these operators; keywords as of `vouchers.statement`."""
        signed = vouchers.statement(host, port or self.port, addresses, certificate, **keywords)
        return vouchers.bundle(signed, len(addresses), self.authority_keys(operators))

    def server_conf(self, store: Path) -> Path:
        """A file for OPENSSL_CONF by which a server shows the vouchers of a store."""
        return self._conf({"role": "server", "vouchers": str(store)}, self.fresh("conf"))

    def client_conf(self, state: Path) -> Path:
        """A file for OPENSSL_CONF by which a client of OpenSSL demands vouchers, and logs to standard error."""
        return self._conf({"role": "client", "log": "stderr", **self.settings(state)}, self.fresh("conf"))

    def _conf(self, settings: dict[str, str], directory: Path) -> Path:
        lines = ["openssl_conf = openssl_init", "[openssl_init]", "mecai = mecai_section", "[mecai_section]"]
        lines += [f"{key} = {value}" for key, value in {"path": MODULE, **settings}.items()]
        path = directory / "openssl.cnf"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o644)
        os.chmod(directory, 0o755)
        return path
