#!/usr/bin/env bash
# Tests the Python package on every CPython from 3.10 on that this machine has: all tests on the first one, which is
# PATH's python3, and what is marked every_interpreter on the others; then its types. The last line is
# `N passed, M failed`.
# usage: run.sh [--long] [PYTEST-ARGUMENT…]   --long: the wheel as it ships, and what takes long
set -uo pipefail
cd "$(dirname "$0")/.."
root=$(cd ../.. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

profile=dev
if [ "${1-}" = --long ]; then
    shift
    profile=wheel
    export MECAI_LONG=1 MECAI_AGREEMENT=${MECAI_AGREEMENT:-100000}
fi

# What a variable does not name is built.
if [ -z "${MECAI_BIN-}" ]; then
    cargo build --locked --quiet --package mecai-services || exit 1
    export MECAI_BIN=$target/debug/mecai
fi
if [ -z "${MECAI_MODULE-}" ]; then
    MECAI_MODULE=$("$root/packaging/link.sh" module) || exit 1
    export MECAI_MODULE
fi
if [ -z "${MECAI_ORACLE-}" ]; then
    cargo build --locked --quiet --package mecai-oracle || exit 1
    export MECAI_ORACLE=$target/debug/mecai-oracle
fi
wheel=$(./wheel.sh "$profile") || exit 1

# Where an interpreter may be; an exact version counts once, the first one that has it.
candidates() {
    command -v python3
    local directory
    for directory in /usr/bin /usr/local/bin "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin ${PATH//:/ }; do
        compgen -G "$directory/python3.[0-9]*" | grep -E '/python3\.[0-9]+$'
    done
}
about='import platform, sys
if sys.implementation.name == "cpython" and sys.version_info >= (3, 10):
    print(platform.python_version(), sys.executable)'
interpreters=$(candidates | while read -r python; do "$python" -I -c "$about" 2>/dev/null; done | awk '!seen[$1]++')
if [ -z "$interpreters" ]; then
    echo 'there is no CPython 3.10 or later'
    exit 1
fi

passed=0
failed=0
count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
}

# An environment of an interpreter's own, filled from PyPI when what it needs has changed, with the wheel just built.
environment() {
    local python=$1 venv=$2
    if [ ! -x "$venv/bin/python" ] || ! cmp -s tests/requirements.txt "$venv/requirements.txt"; then
        "$python" -m venv --clear "$venv" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
                --requirement tests/requirements.txt &&
            cp tests/requirements.txt "$venv/requirements.txt" || return
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheel"
}

# Tests one interpreter, and leaves its counts in the environment. Programs of the environment are found before those of
# the machine.
try() {
    local version=$1 python=$2 venv=$target/python/venv-$1
    shift 2
    rm -f "$venv/counts"
    printf -- '-- Python %s: %s\n' "$version" "$python"
    environment "$python" "$venv" &&
        PATH=$venv/bin:$PATH MECAI_COUNTS=$venv/counts "$venv/bin/python" -W error -m pytest -q "$@"
}

# Counts what an interpreter came to. What ended without a count, or badly in spite of it, counts as one.
tally() {
    local version=$1 status=$2 p f
    read -r p f 2>/dev/null <"$target/python/venv-$version/counts" || { p=0 f=0; }
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    count "$p" "$f"
}

mkdir -p "$target/python"
{
    read -r version python
    try "$version" "$python" "$@" </dev/null
    tally "$version" $?
    # The others two by two: much of a test is waiting.
    while read -r version python; do
        try "$version" "$python" -m every_interpreter "$@" </dev/null >"$target/python/$version.log" 2>&1 &
        one=$! two=
        if read -r other python; then
            try "$other" "$python" -m every_interpreter "$@" </dev/null >"$target/python/$other.log" 2>&1 &
            two=$!
        fi
        wait "$one"
        tally "$version" $?
        cat "$target/python/$version.log"
        if [ -n "$two" ]; then
            wait "$two"
            tally "$other" $?
            cat "$target/python/$other.log"
        fi
    done
} <<<"$interpreters"

first=$target/python/venv-$(head -n 1 <<<"$interpreters" | cut -d ' ' -f 1)
for check in 'mypy --no-error-summary python tests' 'pyright --warnings'; do
    printf -- '-- %s\n' "$check"
    # shellcheck disable=SC2086
    if PATH=$first/bin:$PATH PYRIGHT_PYTHON_IGNORE_WARNINGS=1 "$first/bin/"$check; then count 1 0; else count 0 1; fi
done

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
