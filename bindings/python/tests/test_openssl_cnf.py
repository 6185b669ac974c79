"""The module that openssl.cnf loads, and the package, in one process: each context has MECAI once."""

from __future__ import annotations

from pathlib import Path

import programs
import pytest
from world import World

pytestmark = pytest.mark.every_interpreter


def run(world: World, tmp_path: Path, script: str) -> list[str]:
    """With a module that refuses what has no vouchers; the package, where it is told, observes only."""
    facts = {**world.facts(tmp_path / "state"), "OBSERVE": {**world.settings(tmp_path / "other"), "mode": "observe"}}
    # The log of the module is on standard error, which has to stay empty: so it is switched off.
    conf = world.client_conf(tmp_path / "state")
    conf.write_text(conf.read_text().replace("log = stderr", "log = off"))
    environment = {"OPENSSL_CONF": str(conf), **world.trust()}
    return programs.output(programs.python(facts, script, tmp_path, environment=environment)).splitlines()


PRELUDE = """
def visit(context, port, host=HOST):
    import socket, ssl
    with socket.create_connection((ADDRESS, port)) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host) as connection:
                return mecai.verdict(connection).outcome
        except ssl.SSLCertVerificationError as error:
            return f"refused {error.verify_code}"
"""


@pytest.mark.parametrize("first", ["ssl", "mecai"])
def test_contexts_of_the_module_stay_its_own(first: str, world: World, tmp_path: Path) -> None:
    script = f"""
import {first}
import mecai, ssl
{PRELUDE}
context = ssl.create_default_context()
status = mecai.status(context)
assert (status.state, status.settings) == ("attached", None) and "another copy of MECAI" in str(status), status
assert "another copy of MECAI" in mecai.status().other_copy and "Of new contexts: another" in str(mecai.status())
for call in (lambda: mecai.attach(context, **OBSERVE), lambda: mecai.SSLContext(**OBSERVE),
             lambda: mecai.create_default_context(**OBSERVE)):
    try:
        call()
    except mecai.AlreadyAttached as error:
        assert error.code == "already_attached", error.code
    else:
        raise AssertionError("attached twice")
# The module's settings are in force, not ours.
assert visit(context, UNVOUCHED_PORT).startswith("refused"), visit(context, UNVOUCHED_PORT)
print(visit(context, PORT))
mecai.install(**OBSERVE)
later = ssl.create_default_context()
status = mecai.status()
assert (status.installed, status.attached) == (True, 0) and status.left_to_others >= 2, status
assert "by somebody else" in str(status), str(status)
assert visit(later, UNVOUCHED_PORT).startswith("refused")
print(visit(later, PORT))
mecai.uninstall()
"""
    found = run(world, tmp_path, script)
    assert found == ["accepted", "accepted"]


def test_the_other_copy_is_asked(world: World, tmp_path: Path) -> None:
    """Where the module can be asked, its verdict is found as one of ours."""
    script = f"""
import mecai, ssl
{PRELUDE}
context = ssl.create_default_context()
mecai.status()
print(visit(context, PORT))
try:
    import socket
    with socket.create_connection((ADDRESS, UNVOUCHED_PORT)) as plain:
        context.wrap_socket(plain, server_hostname=HOST)
except ssl.SSLCertVerificationError as error:
    print(type(error).__name__)
"""
    assert run(world, tmp_path, script) == ["accepted", "SSLCertVerificationError"]


def test_without_the_module_nothing_is_different(world: World, tmp_path: Path) -> None:
    script = f"""
import mecai, ssl
{PRELUDE}
mecai.install(**OBSERVE)
print(visit(ssl.create_default_context(), UNVOUCHED_PORT), mecai.status().other_copy)
"""
    facts = {**world.facts(), "OBSERVE": {**world.settings(tmp_path / "other"), "mode": "observe"}}
    result = programs.python(facts, script, tmp_path, environment=world.trust())
    assert programs.output(result) == "unvouched None\n"
