"""Programs that tests start: `mecai`, servers, scripts on this interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import ports

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = Path(__file__).resolve().parents[3]
MECAI = os.environ.get("MECAI_BIN", str(ROOT / "target/debug/mecai"))
MODULE = os.environ.get("MECAI_MODULE", str(ROOT / "target/debug/mecai_openssl.so"))


class Server:
    """A process that listens at `address` (host, port) once this returns, and ends with `stop` or the with block.

    What it says, it says in the file `log`.
    """

    def __init__(
        self, command: list[str], address: tuple[str, int], log: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.address = address
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
            )
        try:
            ports.wait(address, self._ended)
        except BaseException:
            self.stop()
            raise

    def _ended(self) -> str | None:
        if self.process.poll() is None:
            return None
        return f"{self.process.args!r} ended with {self.process.returncode}: {self.log.read_text(errors='replace')}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def python(
    facts: dict[str, Any],
    script: str,
    directory: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    timeout: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """Runs a script on this interpreter, warnings being errors; `facts` are its globals, and names are resolved."""
    command = [sys.executable, "-W", "error", *write_script(facts, script, directory), *arguments]
    return run(command, environment, timeout)


def run(
    command: list[str], environment: dict[str, str] | None = None, timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, with more environment."""
    return subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def write_script(facts: dict[str, Any], script: str, directory: Path) -> list[str]:
    """Writes what `python` runs; the arguments for the interpreter."""
    (directory / "facts.json").write_text(json.dumps(facts))
    (directory / "script.py").write_text(script)
    return [str(Path(__file__).with_name("names.py")), str(directory / "facts.json"), str(directory / "script.py")]


def output(result: subprocess.CompletedProcess[str]) -> str:
    """What a program wrote that ended well and complained of nothing."""
    assert result.returncode == 0 and result.stderr == "", f"{result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout
