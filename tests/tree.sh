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

# The keys of a configuration as its guide writes them: the words of the module's table, or the fields of a TOML file's
# structs, with the section before a dot.
keys() {
    case $1 in
    bindings/*) sed -n '/^const KEYS/,/^];/s/^    "\([a-z_]*\)",$/\1/p' "$1" ;;
    *) awk '
        /^pub struct [A-Z][A-Za-z]* \{/ { inside = 1; section = $3 ~ /^(Config|Site)$/ ? "" : tolower($3) "." }
        /^}/ { inside = 0 }
        inside && /^    (pub )?[a-z_]+: / && !/: (Deadlines|Limits|Evidence|Vec<Site>),/ {
            sub(/^ *(pub )?/, "")
            sub(/:.*/, "")
            print section $0
        }' "$1" ;;
    esac
}

# undocumented GUIDE SOURCE: the keys without a row of their own.
undocumented() {
    [ -n "$(keys "$2")" ] || echo "$2: no key was found"
    keys "$2" | while read -r key; do grep -q "^| \`$key\` |" "$1" || echo "$1: $key"; done
}

# untested SOURCE TESTS: the keys without a test that is named after them, `key_WORD_…`.
untested() {
    local names
    names=$(git grep -hoE 'fn key_[a-z_]+\(' -- "$2")
    # Longer keys first: a test of `authorities_keys` is none of `authorities`.
    keys "$1" | sort -r | while read -r key; do
        grep -q "fn key_${key}_" <<<"$names" || echo "$1: $key"
        names=$(grep -v "fn key_${key}_" <<<"$names")
    done
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
rule 'a verification code whose number, word or meaning is another in docs/spec.md' \
    "$(sed -n 's/.* = \(0x[0-9A-F]*\|[0-9]*\), "\([a-z_]*\)", "\(.*\)",$/| \1 | `\2` | \3 |/p' src/verdict/code.rs |
        while read -r row; do grep -qF "$row" docs/spec.md || echo "$row"; done)"
rule 'a configuration key without its row in its guide' \
    "$(undocumented docs/module.md bindings/openssl-plugin/src/installation/config.rs
    undocumented docs/authority.md services/src/authority/config.rs
    undocumented docs/agent.md services/src/agent/config.rs)"
rule 'a function, type or constant that a guide of the C API names and no header has' \
    "$(git grep -hoE '`(mecai_[a-z0-9_]+|MECAI_[A-Z0-9_]+)(\(\))?`' -- 'docs/c-*.md' | tr -d '`()' | sort -u |
        while read -r name; do grep -qw "$name" include/mecai.h include/mecai_openssl.h || echo "$name"; done)"
rule 'a test that docs/security.md names and that is not there' \
    "$(grep -oE '`[a-z]+(_[a-z]+){4,}`' docs/security.md | tr -d '\`' |
        while read -r test; do git grep -qE "fn $test\(" -- '*.rs' || echo "$test"; done)"
rule 'a C function or number in docs/c-api.md that no header has' \
    "$(grep -ohE '\bmecai_[a-z_]+\(|\bMECAI_[A-Z_]*[A-Z]\b' docs/c-api.md | tr -d '(' | sort -u |
        while read -r name; do grep -qw "$name" include/*.h || echo "$name"; done)"
rule 'a key of the module without a test in which a program does something else for it' \
    "$(untested bindings/openssl-plugin/src/installation/config.rs bindings/openssl-plugin/tests/programs/keys)"

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
