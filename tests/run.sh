#!/usr/bin/env bash
# Runs the tests in stages, prints the minutes of each, and counts: the last line is `N passed, M failed`.
# Every program that a test starts has to belong to a package listed in packaging/debian-packages.txt: PATH holds no
# others, but for the Rust toolchain.
# usage: run.sh [STAGE…]   the stages of `make test` unless named; `long` stands for those of `make test-long`
set -uo pipefail
cd "$(dirname "$0")/.."

toolchain=$(dirname "$(command -v cargo)")
packaging/test-path.sh "$PWD/target/test-path" || exit 1
export PATH="$PWD/target/test-path:$toolchain"
export RUST_BACKTRACE=0

passed=0
failed=0
logs=target/test-logs
mkdir -p "$logs"

# Counts what the stage's programs say at their end: cargo's `test result:` lines and plain `N passed, M failed` ones.
# A stage that fails without such a line, or passes without, counts as one.
stage() {
    local name=$1 started=$SECONDS status=0 sums
    shift
    printf '== %s\n' "$name"
    "$@" 2>&1 | tee "$logs/$name.log"
    status=${PIPESTATUS[0]}
    sums=$(awk '
        /^test result: / { p += $4; f += $6 }
        /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
        END { print p + 0, f + 0 }' "$logs/$name.log")
    read -r p f <<<"$sums"
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ "$status" -eq 0 ] && [ "$p" -eq 0 ]; then p=1; fi
    passed=$((passed + p))
    failed=$((failed + f))
    printf '== %s: %s passed, %s failed, %s minutes\n' "$name" "$p" "$f" \
        "$(awk -v seconds=$((SECONDS - started)) 'BEGIN { printf "%.1f", seconds / 60 }')"
}

format() { cargo fmt --all --check && cargo fmt --check --manifest-path tests/openssls/Cargo.toml; }
lint() {
    cargo clippy --workspace --all-targets --locked -- --deny warnings &&
        cargo clippy --package mecai-openssl --no-default-features --locked -- --deny warnings &&
        cargo clippy --package mecai --features capi,capi-planted-panic --all-targets --locked -- --deny warnings
}
core() { cargo test --locked --no-fail-fast --package mecai --features capi; }
vectors() { tests/vectors/run.sh; }
module() { cargo test --locked --no-fail-fast --package mecai-openssl; }
capi() { tests/libraries/run.sh; }
services() { cargo test --locked --no-fail-fast --package mecai-services; }
python() { bindings/python/tests/run.sh; }
tree() { tests/tree.sh; }

# What takes long, besides. The tests are in the dev profile, as those above have built it; what they test is the release.
# (Renewals are all in release: authorities, agents and ACME clients share the machine with clients that keep a pace.)
models() { cargo test --locked --package mecai --lib -- --ignored; }
memory() { cargo test --locked --package mecai-openssl -- --ignored --skip newer::; }
examples() { cargo test --locked --package mecai-services --test examples -- --ignored; }
python-long() { bindings/python/tests/run.sh --long; }
nginx() { cargo test --locked --package mecai-services --test long_nginx -- --ignored --nocapture; }
renewal() {
    cargo test --locked --release --package mecai-services --test long_renewal -- --ignored --nocapture
}
off() {
    cargo run --locked --release --package mecai-bench -- --module target/release/mecai_openssl.so \
        --output "$logs/off.json" --only off --handshakes 10000 --at-most 1.02
}
demo() { target/release/mecai lab demo --module target/release/mecai_openssl.so; }

# The module's tests, with the same module file, on other releases of OpenSSL. The program `openssl`, and what cc links,
# are of that release. So are Debian's curl, Python and servers on 3.5, which has the soname that they ask for; elsewhere
# they stay on Debian's OpenSSL, as peers. The module's file has no part in it, and docs/compatibility.md is Debian's.
on_openssl() {
    local release=$1 prefix
    shift
    prefix=$(cargo run --locked --quiet --manifest-path tests/openssls/Cargo.toml --target-dir target/openssl/builder \
        -- "$release" target/openssl) || return
    MECAI_OPENSSL=$release PATH=$prefix/bin:$PATH CPATH=$prefix/include LIBRARY_PATH=$prefix/lib \
        LD_RUN_PATH=$prefix/lib LD_LIBRARY_PATH=$prefix/lib \
        cargo test --locked --no-fail-fast --package mecai-openssl --test programs -- --include-ignored \
        --skip module_file:: --skip document:: "$@"
}
# It has no providers, and lets no program verify in several steps.
openssl-1.1.1() { on_openssl 1.1.1 --skip newer:: --skip provider:: --skip several_steps; }
openssl-3.5() { on_openssl 3.5 --skip encrypted_client_hello; }
openssl-4.0() { on_openssl 4.0; }

stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(format lint tree core vectors module capi services python)
[ "${stages[*]}" != long ] ||
    stages=(models memory examples python-long nginx renewal off demo openssl-1.1.1 openssl-3.5 openssl-4.0)
for one in "${stages[@]}"; do stage "$one" "$one"; done

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
