#!/bin/sh
# Checks the vectors in a Python environment of their own (target/venv-vectors, filled from PyPI once).
# Checks the committed files; with --write writes them first.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/target/venv-vectors"
stamp="$venv/requirements.txt"
if ! cmp -s "$here/requirements.txt" "$stamp"; then
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
fi
case "${1---check}" in
    --check) set -- --check ;;
    --write) set -- ;;
    *) echo "usage: $0 [--check | --write]" >&2; exit 2 ;;
esac
exec "$venv/bin/python" "$here/generate.py" "$@"
