#!/bin/sh
# Runs Python with packages that bring an OpenSSL of their own, in an environment of their own (target/venv-foreign,
# filled from PyPI once).
# usage: python.sh ARGUMENT…
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$(cd "$here/../../../../.." && pwd)/target/venv-foreign
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    # Not what the program under test is configured by.
    env -u OPENSSL_CONF python3 -m venv "$venv"
    env -u OPENSSL_CONF "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
exec "$venv/bin/python" "$@"
