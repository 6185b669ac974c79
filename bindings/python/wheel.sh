#!/bin/sh
# Builds the wheel and prints its path: wheel.sh [PROFILE]. PROFILE is one of cargo's: wheel (the default) is what ships,
# dev is what tests build. maturin is taken from PyPI, once.
set -eu
cd "$(dirname "$0")"
profile=${1:-wheel}
target=${CARGO_TARGET_DIR:-$(cd ../.. && pwd)/target}
tools=$target/python/tools
wanted='maturin==1.16.0 cffi==2.1.1'
if [ "$(cat "$tools/wanted" 2>/dev/null)" != "$wanted" ]; then
    python3 -m venv --clear "$tools" >&2
    # shellcheck disable=SC2086
    "$tools/bin/pip" install --quiet --disable-pip-version-check $wanted >&2
    echo "$wanted" >"$tools/wanted"
fi
out=$target/python/wheel-$profile
rm -rf "$out"
PATH=$tools/bin:$PATH "$tools/bin/maturin" build --locked --quiet --profile "$profile" --out "$out" >&2
ls "$out"/*.whl
