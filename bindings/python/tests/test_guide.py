"""Every block of code in docs/python.md and README.md does what it says, with the world's names in it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path

import mecai
import ports
import programs
import pytest
from programs import ROOT, Server
from world import ADDRESS, HOST, World

GUIDE = ROOT / "docs/python.md"
README = ROOT / "bindings/python/README.md"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line that it begins at."""

    language: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    text = path.read_text()
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(fence[1], fence[2], text.count("\n", 0, fence.start()) + 1) for fence in fences]


BLOCKS = blocks(GUIDE)
INSTALL = next(block.text for block in BLOCKS if "mecai.install(" in block.text)
CONTEXT = next(block.text for block in BLOCKS if block.text.startswith("import mecai\n\ncontext = "))

# What each block prints, in the guide's order; a server is visited instead.
SERVES = "a server"
EXPECTED = [
    "^$",
    f"^accepted {HOST}: vouched for by 2 operators",
    "no_voucher: the server sent no vouchers",
    "^$",
    *["^200$"] * 4,
    *["^no_voucher$"] * 5,
    r"^accepted\n\('operator-a',\)$",
    *[SERVES] * 3,
    "operator-a own_operator [^\n]*\n11 operators vouch$",
    "^MECAI is installed in this process",
    "accepted",
    "^$",
    rf"^{HOST} \d{{4}}-\d\d-\d\d [0-9:+ ]+ 11$",
    r"^accepted \('operator-a',\)$",
]


def test_every_block_has_its_expectation() -> None:
    assert len(BLOCKS) == len(EXPECTED), [(block.line, block.language) for block in BLOCKS]
    assert {block.language for block in BLOCKS} == {"python", "sh"}


@dataclass(frozen=True)
class Stage:
    """What a block is run with: a world, and files of this test's own."""

    world: World
    directory: Path
    store: Path

    def written(self, block: Block, port: int = 0) -> str:
        """A block with the names of the world in it, after what it goes on from."""
        text = block.text
        if block.language == "python" and SERVES not in text:
            if "context" in text and "context = " not in text and "def ssl_context" not in text:
                text = CONTEXT + text
            elif "mecai." in text and "import mecai" not in text:
                text = INSTALL + text
        world = self.world
        root = self.directory / "site-and-root.pem"
        root.write_bytes(world.chain.read_bytes() + Path(world.operator("operator-a")["root"]["certificate"]).read_bytes())
        for old, new in {
            "/etc/mecai/authorities.json": world.authorities,
            "2 of RWQ…, RWR…, RWS…": world.authorities_keys,
            "/home/me/.local/state/mecai": self.directory / "state",
            "https://www.example.org/": world.url,
            "https://rogue.example.org/": world.unvouched_url,
            '"rogue.example.org", 443': f'"{HOST}", {world.unvouched.port}',
            '"www.example.org", 443': f'"{HOST}", {world.port}',
            '"www.example.org"': f'"{HOST}"',
            "www.example.org\n": f"{HOST}:{world.port} --address {ADDRESS} --cafile {world.roots}\n",
            "/etc/ssl/site-and-root.pem": root,
            "/etc/ssl/site.pem": world.chain,
            "/etc/ssl/site.key": world.key,
            "/var/lib/mecai/vouchers": self.store,
            '"0.0.0.0", 443': f'"{ADDRESS}", {port}',
            "0.0.0.0:443": f"{ADDRESS}:{port}",
            'host="0.0.0.0", port=443': f'host="{ADDRESS}", port={port}',
            "python3 ": f"{sys.executable} ",
        }.items():
            text = text.replace(old, str(new))
        assert not re.search(r"example\.org|RWQ…|/etc/|/var/lib|0\.0\.0\.0", text), text
        return text


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Stage:
    store = world.fresh("store")
    [vouchers] = world.store.glob("*.vouchers")
    shutil.copy(vouchers, store)
    return Stage(world, tmp_path, store)


@pytest.mark.parametrize(
    ("block", "expected"),
    [pytest.param(*pair, id=f"line {pair[0].line}") for pair in zip(BLOCKS, EXPECTED) if pair[1] != SERVES],
)
def test_a_block_prints_what_the_guide_says(block: Block, expected: str, stage: Stage) -> None:
    text = stage.written(block)
    if block.language == "sh":
        result = programs.run(["sh", "-ec", text])
    else:
        result = programs.python(stage.world.facts(), text, stage.directory, environment=stage.world.trust())
    assert re.search(expected, programs.output(result).rstrip("\n")), result.stdout


def run_script(stage: Stage, text: str) -> list[str]:
    """A server that is a script; beside it is the application of which the guide speaks."""
    (stage.directory / "application.py").write_text(APPLICATION)
    return [sys.executable, "-W", "error", *programs.write_script(stage.world.facts(), text, stage.directory)]


def run_gunicorn(stage: Stage, text: str) -> list[str]:
    (stage.directory / "flaskr.py").write_text(FLASK)
    (stage.directory / "gunicorn.conf.py").write_text(text)
    conf = str(stage.directory / "gunicorn.conf.py")
    return [sys.executable, "-W", "error", "-m", "gunicorn", "-c", conf, "--chdir", str(stage.directory), "flaskr:app"]


APPLICATION = """
async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello\\n"})
"""
FLASK = """
from flask import Flask

app = Flask(__name__)

@app.get("/")
def hello():
    return "hello\\n"
"""


@pytest.mark.parametrize(
    ("block", "command"),
    [
        pytest.param(block, command, id=f"line {block.line}")
        for block, command in zip(
            [block for block, expected in zip(BLOCKS, EXPECTED) if expected == SERVES],
            [run_script, run_gunicorn, run_script],
        )
    ],
)
def test_a_server_of_the_guide_is_accepted(
    block: Block, command: Callable[[Stage, str], list[str]], stage: Stage, tmp_path: Path
) -> None:
    with ports.hold(ADDRESS) as held:
        port: int = held.getsockname()[1]
        arguments = command(stage, stage.written(block, port))
        environment = {"PYTHONPATH": str(stage.directory)}
        server = Server(arguments, (ADDRESS, port), stage.directory / "log", environment)
    with server:
        settings = stage.world.settings(tmp_path / "client-state")
        context = mecai.create_default_context(cafile=str(stage.world.roots), **settings)
        connection = HTTPSConnection(HOST, port, context=context, timeout=60)
        connection.request("GET", "/")
        assert mecai.verdict(connection).accepted
        assert connection.getresponse().read() == b"hello\n"
        connection.close()


def test_the_readme_fetches_stores_and_reads(stage: Stage) -> None:
    text = stage.written(next(block for block in blocks(README) if "fetch_vouchers(" in block.text))
    said = programs.output(programs.python(stage.world.facts(), text, stage.directory))
    others = stage.world.others()
    first, second, third = said.splitlines()
    assert (first, third) == ("operator-a own_operator", "True")
    assert second.startswith(f"{HOST} [") and all(repr(operator) in second for operator in others)


def test_the_readme_says_what_works(stage: Stage) -> None:
    text = stage.written(next(block for block in blocks(README) if "mecai.install(" in block.text))
    result = programs.python(stage.world.facts(), text, stage.directory, environment=stage.world.trust())
    assert f"accepted {HOST}" in programs.output(result)
