#!/bin/sh
# Builds the module: link.sh [PROFILE [SANITIZER]], PROFILE being dev (the default) or release. Prints the path of the
# result. SANITIZER being address, the module's Rust code is instrumented, for tests, and the path of the sanitizer's
# runtime is printed too: programs that load this module must be linked with it.
#
# A cdylib will not do: rustc's own version script wins over ours there, and the module would export too much. So the
# static library is linked once more. Nothing may be linked to libssl or libcrypto.
set -eu

profile=${1:-dev}
sanitizer=${2:-}
directory=$profile
[ "$profile" = dev ] && directory=debug

plugin=$(cd "$(dirname "$0")" && pwd)
cd "$plugin/../.."
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac

# A test that calls this has cargo's variables about its own package. Build scripts that look at such (ring's) would run
# anew, here and in the next build outside.
for variable in $(env | sed -n 's/^\(CARGO_\(MANIFEST\|PKG\)_[A-Z_]*\)=.*/\1/p'); do unset "$variable"; done

set --
undefined=-Wl,--no-undefined
if [ -n "$sanitizer" ]; then
    # Unstable in rustc, whose stable release has the runtime for it. What is named by --target alone is instrumented,
    # not what runs while it builds.
    host=$(rustc -vV | sed -n 's/^host: //p')
    target=$target/$sanitizer
    directory=$host/$directory
    undefined=-Wl,--warn-unresolved-symbols
    export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$sanitizer" CARGO_TARGET_DIR="$target"
    set -- --target "$host"
fi

# What ships is optimised as a whole, since every handshake of a program runs through it.
[ "$profile" != release ] || set -- "$@" --config 'profile.release.lto="fat"' --config profile.release.codegen-units=1

# By itself, so that no other crate of the workspace switches a feature on in it.
cargo build --quiet --package mecai-openssl --lib --profile "$profile" "$@"

module=$target/$directory/mecai_openssl.so
fresh=$module.$$
trap 'rm -f "$fresh"' EXIT
# nodelete: OpenSSL unmaps a module when it forgets its configuration, while our callbacks stay registered.
${CC:-cc} -shared -o "$fresh" \
    -Wl,--whole-archive "$target/$directory/libmecai_openssl.a" -Wl,--no-whole-archive \
    -Wl,--version-script="$plugin/module.map" -Wl,-soname=mecai_openssl.so \
    -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack $undefined -Wl,--gc-sections \
    -lgcc_s -lc -lm -lpthread -ldl
mv "$fresh" "$module"
echo "$module"
if [ -n "$sanitizer" ]; then
    ls "$(rustc --print sysroot)/lib/rustlib/$host/lib"/librustc-*_rt.asan.a
fi
