#!/usr/bin/env bash
# Rules about the tree that a machine can see. Prints what breaks them; the last line counts the rules.
set -uo pipefail
cd "$(dirname "$0")/.."
passed=0
failed=0

# rule NAME OFFENCES: passes when there are none.
rule() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s:\n%s\n' "$1" "$2"
    fi
}

rule 'a test that is switched off' "$(git grep -nE '#\[ignore(\]| = "[^p])|pytest\.mark\.(skip|xfail)' -- '*.rs' '*.py')"
rule 'a source file of more than 600 lines' \
    "$(git ls-files '*.rs' '*.py' '*.c' '*.sh' | xargs wc -l | awk '$2 != "total" && $1 > 600')"
rule 'unsafe code in the core' "$(git grep -nE '\bunsafe\b' -- 'src/*.rs' ':!src/ffi' | grep -v unsafe_code)"
rule 'a clock, a socket or the environment in the core' \
    "$(git grep -nE 'SystemTime::now|Instant::now|std::net::(Tcp|Udp)|std::env' -- 'src/*.rs' ':!src/ffi' | grep -v '#\[cfg(test)\]')"
rule 'a crypto provider where none belongs' \
    "$(git grep -lE '\bring::' -- 'src/*.rs' | grep -vE '^src/(signature|key_proof|octets|pick|state/secret)\.rs$')"
rule 'a test starts a program by a path of its own, past the listed packages' \
    "$(git grep -nE 'Command::new\("/' -- 'tests/*.rs' 'services/tests' 'services/src/lab' '*/tests/*.rs')"
rule 'a verification code without its row in docs/spec.md' \
    "$(sed -n 's/.*= \(0x[0-9A-F]*\|[0-9]*\), "\([a-z_]*\)", .*/\2/p' src/verdict/code.rs | while read -r code; do
        grep -q "| \`$code\` |" docs/spec.md || echo "$code"; done)"

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
