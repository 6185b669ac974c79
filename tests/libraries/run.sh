#!/usr/bin/env bash
# Checks the C libraries as they are installed: headers, exports, ABI, programs that know nothing but pkg-config. Prints
# what is wrong; the last line counts the checks.
# usage: run.sh [--write]   --write makes headers and the files of packaging/abi from the code; CHANGELOG.md must already
#                           name the functions that are new
set -uo pipefail
cd "$(dirname "$0")/../.."
here=tests/libraries
abi=packaging/abi
work=$PWD/target/libraries
root=$work/root
prefix=/usr/local
lib=$root$prefix/lib
libraries=(mecai mecai_openssl)
passed=0
failed=0

# check NAME COMMAND…: passes when the command succeeds; what it prints explains why it did not.
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s:\n%s\n' "$name" "$said"
    fi
}

# nothing TEXT: succeeds when there is none.
nothing() {
    [ -z "$1" ] || { printf '%s\n' "$1" && false; }
}

lines() { [ -z "$1" ] || printf '%s\n' "$1"; }

# same LABEL LABEL TEXT TEXT
same() { diff --label "$1" --label "$2" -u <(lines "$3") <(lines "$4"); }

# --- What is there ---------------------------------------------------------------------------------------------------

# The number of the ABI, from the constant in the code.
number() {
    grep -hoP "^pub const ${1^^}_ABI_VERSION: u32 = \K[0-9]+" src/ffi/version.rs bindings/openssl-plugin/src/abi.rs
}

# What a file exports; NAME@VERSION where there are versions.
exports() {
    nm --dynamic --defined-only --with-symbol-versions --format=posix "$1" |
        awk '$2 != "A" { sub(/@@/, "@", $1); print $1 }' | sort
}

archive_exports() { nm --extern-only --defined-only --format=posix "$1" | awk 'NF > 2 { print $1 }' | sort; }

declared() { perl $here/definitions.pl --names "include/$1.h" | sort; }

# Name and value of each constant of a header, but for the number of the ABI.
constants() { awk '/^#define MECAI_[A-Z0-9_]+ / && $2 !~ /_ABI_VERSION$/ { print $2, $3 }' "include/$1.h" | sort; }

# A library of the functions that a header declares, with its types in the debug information: what abidiff compares.
# (Those in the real library are Rust's, which abidiff does not read; that the header says what the code says is tested by
# tests/headers.rs.)
described() {
    local name=$1 number
    number=$(number "$name")
    {
        echo "#include \"$name.h\""
        perl $here/definitions.pl "include/$name.h"
    } >"$work/$name.c"
    echo "${name^^}_$number { global: ${name}_*; local: *; };" >"$work/$name.map"
    (cd "$work" && cc -std=c99 -g -fPIC -shared -I"$root$prefix/include" -Wl,--version-script="$name.map" \
        -Wl,-soname="lib$name.so.$number" -o "$name.described.so" "$name.c")
}

new_symbols() {
    comm -13 <(sort "$abi/$1.symbols" 2>/dev/null) <(exports "$lib/lib$1.so")
}

# Those of the symbols on stdin that CHANGELOG.md does not name.
unnamed() {
    sed 's/@.*//' | while read -r symbol; do grep -qw "$symbol" CHANGELOG.md || echo "$symbol"; done
}

# --- Making the committed files --------------------------------------------------------------------------------------

put_down() { make --silent install-libraries PROFILE=dev PREFIX=$prefix DESTDIR="$root"; }

write() {
    local name missing first
    MECAI_WRITE_HEADERS=1 cargo test --locked --quiet --package mecai --test headers && put_down || return
    for name in "${libraries[@]}"; do
        first=no
        [ -e "$abi/$name.symbols" ] || first=yes
        missing=$(new_symbols "$name" | unnamed)
        if [ $first = no ] && [ -n "$missing" ]; then
            printf 'First name these in CHANGELOG.md, as new functions of lib%s:\n%s\n' "$name" "$missing"
            return 1
        fi
        described "$name" || return
        exports "$lib/lib$name.so" >"$abi/$name.symbols"
        constants "$name" >"$abi/$name.constants"
        abidw --exported-interfaces-only --no-show-locs --no-comp-dir-path --no-corpus-path \
            --out-file "$abi/$name.xml" "$work/$name.described.so" || return
    done
    git status --short include $abi
}

rm -rf "$work"
mkdir -p "$work"
if [ "${1:-}" = --write ]; then
    write
    exit
fi

# --- The checks ------------------------------------------------------------------------------------------------------

remedy='Then: tests/libraries/run.sh --write'

# What was there before is there still.
keeps() { # WHAT FILE NOW
    nothing "$(comm -23 "$2" <(lines "$3") |
        sed "s|^|$2 has this, and the $1 no longer: raise the number of the ABI, or undo this: |")"
}

# And nothing else is: the files are up to date.
adds_nothing() { # WHAT FILE NOW
    nothing "$(comm -13 "$2" <(lines "$3") | sed "s|^|The $1 has this, and $2 does not. $remedy: |")"
}

names_what_is_new() {
    nothing "$(new_symbols "$1" | unnamed | sed 's/^/CHANGELOG.md does not name this new function: /')"
}

keeps_its_types() {
    described "$1" || return
    abidiff --no-added-syms --no-architecture "$abi/$1.xml" "$work/$1.described.so" ||
        { echo "Programs that were built before could break: raise the number of the ABI, or undo this. $remedy" && false; }
}

# Without a dependency but the C library's, found by its SONAME, and as hardened as it was linked.
is_linked_well() {
    local dynamic
    dynamic=$(readelf --wide --dynamic --segments "$lib/lib$1.so")
    nothing "$(
        grep -q "soname: \[lib$1.so.$(number "$1")\]" <<<"$dynamic" || echo "no SONAME lib$1.so.$(number "$1")"
        grep NEEDED <<<"$dynamic" | grep -vE '\[(libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1|ld-linux-[a-z0-9-]+\.so\.[0-9])\]'
        grep -E 'RPATH|RUNPATH|TEXTREL' <<<"$dynamic"
        grep -q 'BIND_NOW' <<<"$dynamic" || echo 'functions are looked up late'
        grep -q 'GNU_RELRO' <<<"$dynamic" || echo 'relocated data stays writable'
        grep 'GNU_STACK.* RWE ' <<<"$dynamic"
        [ "$1" = mecai ] || grep -q NODELETE <<<"$dynamic" || echo 'it may be unloaded while its callbacks are registered'
        ldd "$lib/lib$1.so" | grep -E 'libssl|libcrypto'
        nm --dynamic --undefined-only "$lib/lib$1.so" | grep -E ' (SSL_|X509|CRYPTO_|ERR_|EVP_)'
        readelf --wide --sections "$lib/lib$1.so" | grep -E ' \.(symtab|debug_[a-z]+) ')"
}

# includes COMPILER LANGUAGE STANDARD HEADER…: each header twice, without a warning.
includes() {
    local compiler=$1 language=$2 standard=$3 file=$work/includes
    shift 3
    printf '#include <%s>\n' "$@" "$@" >"$file"
    echo 'int main(void) { return 0; }' >>"$file"
    # shellcheck disable=SC2046
    "$compiler" -x "$language" -std="$standard" -Wall -Wextra -pedantic -Werror -fsyntax-only \
        $(pkg-config --cflags mecai mecai-openssl) "$file"
}

# program SOURCE COMPILER FLAG…: it is built by these, and what it prints is what the libraries are.
program() {
    local source=$1 said wanted
    shift
    "$@" -o "$work/program" || return
    said=$(LD_LIBRARY_PATH=$lib "$work/program") || { echo "exit code $?: $said" && return 1; }
    wanted="libmecai $version, ABI $(number mecai)"
    [ "$source" = one.c ] || wanted+=$'\n'"libmecai_openssl $version, ABI $(number mecai_openssl)"
    same expected "$source" "$wanted" "$said"
}

# Built by nothing but what pkg-config says of the PACKAGES: shared SOURCE COMPILER PACKAGE…
# shellcheck disable=SC2046
shared() { program "$1" "$2" -std=c99 "$here/$1" $(pkg-config --cflags --libs "${@:3}"); }

# The same without a shared library of ours: archived SOURCE COMPILER PACKAGE…
# shellcheck disable=SC2046
archived() {
    program "$1" "$2" -std=c99 "$here/$1" $(pkg-config --static --cflags --libs "${@:3}" |
        sed -E 's/-l(mecai\w*)/-l:lib\1.a/g') || return
    nothing "$(readelf --dynamic "$work/program" | grep 'NEEDED.*libmecai')"
}

# The same without any shared library.
# shellcheck disable=SC2046
static() {
    program one.c cc -std=c99 -static "$here/one.c" $(pkg-config --static --cflags --libs mecai) || return
    nothing "$(readelf --dynamic "$work/program" 2>&1 | grep NEEDED)"
}

# What is in the process of a program of libmecai alone.
brings_no_openssl() {
    shared one.c cc mecai || return
    nothing "$(LD_LIBRARY_PATH=$lib ldd "$work/program" | grep -E 'libssl|libcrypto')"
}

installed() { (cd "$root" && find . ! -type d | sort); }

expected_files() {
    local name
    for name in "${libraries[@]}"; do
        printf ".$prefix/%s\n" "include/$name.h" "lib/lib$name."{a,so,"so.$(number "$name")"} \
            "lib/lib$name.so.$(number "$name").${version#*.}" "lib/pkgconfig/${name//_/-}.pc"
    done | sort
}

module() { packaging/link.sh module; }

# The names of the module's map, its pattern being what the header declares.
mapped() {
    local map=bindings/openssl-plugin/module.map
    {
        sed -n 's/^ *\([A-Za-z_]*\);$/\1/p' $map
        grep -q '^ *mecai_openssl_\*;$' $map && declared mecai_openssl
    } | sort
}

# Cargo.toml's own table for cargo-c has a number of the ABI and names of its own.
tells_cargo_c() {
    local table
    table=$(sed -n '/^\[package\.metadata\.capi/,/^$/p' Cargo.toml)
    nothing "$(for line in "version = \"$(number mecai).${version#*.}\"" 'version_suffix_components = 1' \
        'name = "mecai"' 'from = "include/mecai.h"'; do
        grep -qF "$line" <<<"$table" || echo "Cargo.toml does not say under package.metadata.capi: $line"
    done)"
}

uninstalls() {
    make --silent uninstall PREFIX=$prefix DESTDIR="$root" && nothing "$(installed)"
}

version=$(grep -m1 -oP '^version = "\K[0-9.]+' Cargo.toml)
check 'make install-libraries' put_down
[ $failed -eq 0 ] || { echo "$passed passed, $failed failed" && exit 1; }
check 'the files that are installed' same expected installed "$(expected_files)" "$(installed)"
export PKG_CONFIG_PATH=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root

for name in "${libraries[@]}"; do
    check "lib$name: how it is linked" is_linked_well "$name"
    check "lib$name: exports what the header declares" \
        same "$name.h" "lib$name.so" "$(declared "$name")" "$(exports "$lib/lib$name.so" | sed 's/@.*//')"
    check "lib$name.a: has the same functions and hides all else" \
        same "$name.h" "lib$name.a" "$(declared "$name")" "$(archive_exports "$lib/lib$name.a")"
    check "lib$name: what it exported" keeps "library" "$abi/$name.symbols" "$(exports "$lib/lib$name.so")"
    check "lib$name: the list of exports" adds_nothing "library" "$abi/$name.symbols" "$(exports "$lib/lib$name.so")"
    check "lib$name: the constants of its header" keeps "header" "$abi/$name.constants" "$(constants "$name")"
    check "lib$name: the list of constants" adds_nothing "header" "$abi/$name.constants" "$(constants "$name")"
    check "lib$name: what is new is told of" names_what_is_new "$name"
    check "lib$name: its types" keeps_its_types "$name"
done

for headers in mecai.h mecai_openssl.h 'mecai.h mecai_openssl.h' 'mecai_openssl.h mecai.h'; do
    # shellcheck disable=SC2086
    for compiler in gcc clang; do check "$compiler: $headers in C99" includes $compiler c c99 $headers; done
    # shellcheck disable=SC2086
    for compiler in g++ clang++; do check "$compiler: $headers in C++17" includes $compiler c++ c++17 $headers; done
done

for compiler in gcc clang; do
    check "$compiler: a program of libmecai" shared one.c $compiler mecai
    check "$compiler: a program of both libraries" shared both.c $compiler mecai mecai-openssl openssl
    check "$compiler: a program with libmecai.a in it" archived one.c $compiler mecai
    check "$compiler: a program with both archives in it" archived both.c $compiler mecai mecai-openssl openssl
done
check 'a program without any shared library' static
check 'a program of libmecai has no OpenSSL' brings_no_openssl

check 'the module: exports what its map says' same module.map mecai_openssl.so "$(mapped)" "$(exports "$(module)")"
check 'cargo-c: is told the same' tells_cargo_c
check 'make uninstall' uninstalls

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
