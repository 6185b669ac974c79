#!/bin/sh
# Links what programs load, from Rust's static libraries: link.sh WHAT [PROFILE [SANITIZER]]. Prints the path of the
# result. WHAT is
#   module         mecai_openssl.so, which OpenSSL loads
#   mecai          libmecai.so and libmecai.a, whose header is include/mecai.h
#   mecai_openssl  libmecai_openssl.so and libmecai_openssl.a, whose header is include/mecai_openssl.h
# PROFILE is dev (the default) or release. The libraries are put into target/PROFILE's directory/c, with the links that
# the linker and the loader look for. SANITIZER being address, Rust code is instrumented, for tests, and the path of the
# sanitizer's runtime is printed too: programs that load the result must be linked with it.
#
# A cdylib will not do: rustc's own version script wins over ours there, and too much would be exported, in one version
# and without a SONAME. So the static library is linked once more. Nothing may be linked to libssl or libcrypto.
set -eu

what=$1
profile=${2:-dev}
sanitizer=${3:-}
directory=$profile
[ "$profile" = dev ] && directory=debug

cd "$(dirname "$0")/.."
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

# One package by itself, so that no other crate of the workspace switches a feature on in it. That is also why the static
# library of mecai is asked for here: a crate type in Cargo.toml would be built everywhere, with and without the C ABI.
# In a release that of mecai-openssl is asked for, too: cargo optimises nothing as a whole that is also a Rust library.
case $what-$profile in
mecai-*) set -- rustc --package mecai --features capi --crate-type staticlib "$@" ;;
module-release | mecai_openssl-release) set -- rustc --package mecai-openssl --crate-type staticlib "$@" ;;
module-* | mecai_openssl-*) set -- build --package mecai-openssl "$@" ;;
*) echo "link.sh: there is no $what: say module, mecai or mecai_openssl" >&2 && exit 2 ;;
esac
cargo "$@" --locked --quiet --lib --profile "$profile"

built=$target/$directory
made=$(mktemp -d "$built/link.XXXXXX")
trap 'rm -rf "$made"' EXIT

# shared FILE MAP ARGUMENT…: links the static library at $archive into a shared object.
shared() {
    file=$1
    map=$2
    shift 2
    ${CC:-cc} -shared -o "$made/$file" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive \
        -Wl,--version-script="$map" -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack $undefined -Wl,--gc-sections "$@" \
        -lgcc_s -lc -lm -lpthread -ldl
}

# library NAME SOURCE ARGUMENT…: the shared and the static library of the functions NAME_…. The number of the ABI, which
# is in the SONAME and in the version of every symbol, is the constant that stands in SOURCE; behind it come the minor
# and patch version of the release.
library() {
    name=$1
    node=$(echo "$name" | tr '[:lower:]' '[:upper:]')
    abi=$(sed -n "s/^pub const ${node}_ABI_VERSION: u32 = \([0-9]*\);/\1/p" "$2")
    version=$(sed -n '/^\[workspace\.package\]/,/^$/s/^version = "[0-9]*\.\([0-9.]*\)"$/\1/p' Cargo.toml)
    shift 2
    real=lib$name.so.${abi:?the ABI has no number}.${version:?the release has no version}

    echo "${node}_$abi { global: ${name}_*; local: *; };" >"$made/map"
    shared "$real" "$made/map" "-Wl,-soname=lib$name.so.$abi" "$@"

    # One object, in which all but the functions of the header is local: a program may then hold several such libraries,
    # and others that are written in Rust, of whatever release. The standard library's objects hold LLVM's code beside the
    # machine's; where an older LLVM's plugin is installed, ar and nm choke on it.
    ${CC:-cc} -r -nostdlib -o "$made/whole.o" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive \
        -Wl,--force-group-allocation
    objcopy --wildcard --keep-global-symbol="${name}_*" --remove-section=.llvmbc --remove-section=.llvmcmd \
        "$made/whole.o" "$made/$name.o"
    ar rcsD "$made/lib$name.a" "$made/$name.o"

    mkdir -p "$built/c"
    mv "$made/$real" "$made/lib$name.a" "$built/c"
    ln -sfn "$real" "$built/c/lib$name.so.$abi"
    ln -sfn "lib$name.so.$abi" "$built/c/lib$name.so"
    echo "$built/c/$real"
}

# nodelete: OpenSSL unmaps a module when it forgets its configuration, and a program may unload a library, while our
# callbacks stay registered.
case $what in
module)
    archive=$built/libmecai_openssl.a
    shared mecai_openssl.so bindings/openssl-plugin/module.map -Wl,-soname=mecai_openssl.so -Wl,-z,nodelete
    mv "$made/mecai_openssl.so" "$built"
    echo "$built/mecai_openssl.so"
    ;;
mecai)
    archive=$built/libmecai.a
    library mecai src/ffi/version.rs
    ;;
mecai_openssl)
    archive=$built/libmecai_openssl.a
    library mecai_openssl bindings/openssl-plugin/src/abi.rs -Wl,-z,nodelete
    ;;
esac

if [ -n "$sanitizer" ]; then
    ls "$(rustc --print sysroot)/lib/rustlib/$host/lib"/librustc-*_rt.asan.a
fi
