#!/bin/sh
# Runs the hostile peer in a Python environment of its own (target/venv-hostile, filled from PyPI once).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv="$here/../../../../../target/venv-hostile"
stamp="$venv/requirements.txt"
# Tests that run at once wait for the first.
exec 9>"$here/../../../../../target/venv-hostile.lock"
flock 9
if ! cmp -s "$here/requirements.txt" "$stamp"; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
fi
exec 9>&-
exec "$venv/bin/python" "$here/peer.py" "$@"
