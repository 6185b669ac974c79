#!/bin/sh
# Installs a C library: install-library.sh NAME HEADER PROFILE. PREFIX, LIBDIR and DESTDIR are what make says of them.
# NAME is one of packaging/link.sh, which builds it.
set -eu
name=$1
header=$2
profile=$3
cd "$(dirname "$0")/.."

shared=$(packaging/link.sh "$name" "$profile")
built=$(dirname "$shared")
real=$(basename "$shared")
version=$(sed -n '/^\[workspace\.package\]/,/^$/s/^version = "\([0-9.]*\)"$/\1/p' Cargo.toml)
pc=$(echo "$name" | tr _ -).pc
# A tree that is moved as a whole stays right: pkg-config --define-prefix.
# shellcheck disable=SC2016
libdir=$(echo "$LIBDIR" | sed "s|^$PREFIX/|\${prefix}/|")

to=${DESTDIR:-}$LIBDIR
install -d "$to/pkgconfig"
install -m 0755 "$shared" "$to/$real"
strip --strip-unneeded "$to/$real"
install -m 0644 "$built/lib$name.a" "$to/lib$name.a"
strip --strip-debug "$to/lib$name.a"
ln -sfn "$real" "$to/${real%.*.*}"
ln -sfn "${real%.*.*}" "$to/lib$name.so"
sed "s|@PREFIX@|$PREFIX|; s|@LIBDIR@|$libdir|; s|@VERSION@|$version|" "packaging/$pc.in" >"$to/pkgconfig/$pc"
chmod 0644 "$to/pkgconfig/$pc"
install -D -m 0644 "include/$header" "${DESTDIR:-}$PREFIX/include/$header"
