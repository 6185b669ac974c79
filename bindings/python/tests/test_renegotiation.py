"""A verdict that one thread asks for while another one reads, and the server renegotiates in the middle of that."""

from __future__ import annotations

from pathlib import Path

import ports
import programs
import pytest
from world import ADDRESS, World

_RENEGOTIATIONS = 150

_SCRIPT = """
import socket, ssl, subprocess, sys, threading
import mecai

port, chain, key, rounds = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
command = ["openssl", "s_server", "-accept", f"{ADDRESS}:{port}", "-cert", chain, "-cert_chain", chain, "-key", key]
command += ["-tls1_2", "-no_cache", "-no_ticket"]
nowhere = subprocess.DEVNULL
server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)
sys.path.insert(0, sys.argv[5])
import ports
ports.wait((ADDRESS, port), server.poll)

sys.setswitchinterval(1e-5)
context = mecai.create_default_context(cafile=CAFILE, **{**SETTINGS, "mode": "observe"})
context.maximum_version = ssl.TLSVersion.TLSv1_2
plain = socket.create_connection((ADDRESS, port), timeout=30)
tls = context.wrap_socket(plain, server_hostname=HOST)
outcomes = {mecai.verdict(tls).outcome}
done = threading.Event()

def ask():
    while not done.is_set():
        outcomes.add(mecai.verdict(tls).outcome)

asking = threading.Thread(target=ask)
asking.start()
tls.settimeout(0.02)
handshakes = set()
for _ in range(rounds):
    server.stdin.write(b"r\\n")
    server.stdin.flush()
    try:
        tls.recv(100)
    except TimeoutError:
        handshakes.add(tls.get_channel_binding("tls-unique"))
done.set()
asking.join()
server.stdin.close()
server.kill()
server.wait()
tls.close()
print(len(handshakes) > rounds // 2, sorted(outcomes))
"""


@pytest.mark.every_interpreter
def test_a_verdict_may_be_asked_for_while_a_server_renegotiates(world: World, tmp_path: Path) -> None:
    with ports.hold(ADDRESS) as held:
        port = held.getsockname()[1]
        here = str(Path(__file__).parent)
        arguments = [str(port), str(world.chain), str(world.key), str(_RENEGOTIATIONS), here]
        said = programs.output(programs.python(world.facts(), _SCRIPT, tmp_path, *arguments))
    assert said in ("True ['not_judged', 'unvouched']\n", "True ['unvouched']\n")
