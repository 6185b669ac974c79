#!/bin/sh
# Builds the module: link.sh [PROFILE], PROFILE being dev (the default) or release. Prints the path of the result.
#
# A cdylib will not do: rustc's own version script wins over ours there, and the module would export too much. So the
# static library is linked once more. Nothing may be linked to libssl or libcrypto.
set -eu

profile=${1:-dev}
directory=$profile
[ "$profile" = dev ] && directory=debug

plugin=$(cd "$(dirname "$0")" && pwd)
cd "$plugin/../.."
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac

# A test that calls this has cargo's variables about its own package. Build scripts that look at such (ring's) would run
# anew, here and in the next build outside.
for variable in $(env | sed -n 's/^\(CARGO_\(MANIFEST\|PKG\)_[A-Z_]*\)=.*/\1/p'); do unset "$variable"; done

# By itself, so that no other crate of the workspace switches a feature on in it.
cargo build --quiet --package mecai-openssl --lib --profile "$profile"

module=$target/$directory/mecai_openssl.so
fresh=$module.$$
trap 'rm -f "$fresh"' EXIT
# nodelete: OpenSSL unmaps a module when it forgets its configuration, while our callbacks stay registered.
${CC:-cc} -shared -o "$fresh" \
    -Wl,--whole-archive "$target/$directory/libmecai_openssl.a" -Wl,--no-whole-archive \
    -Wl,--version-script="$plugin/module.map" -Wl,-soname=mecai_openssl.so \
    -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -Wl,--no-undefined -Wl,--gc-sections \
    -lgcc_s -lc -lm -lpthread -ldl
mv "$fresh" "$module"
echo "$module"
