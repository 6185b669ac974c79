#!/usr/bin/env bash
# Fills a directory with links to the programs of the listed Debian packages, of those that they depend on, and of the
# essential ones. Tests run with that directory as PATH: a program that belongs to no listed package is not found.
# usage: test-path.sh DIRECTORY
set -euo pipefail
directory=$1
cd "$(dirname "$0")"

mapfile -t listed < <(sed 's/#.*//' debian-packages.txt | awk 'NF { print $1 }')
mapfile -t essential < <(dpkg-query --show --showformat='${Essential} ${Package}\n' | awk '$1 == "yes" { print $2 }')
mapfile -t packages < <(
    apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "${listed[@]}" "${essential[@]}" | grep '^[a-z0-9]' | sort -u
)
rm -rf "$directory"
mkdir -p "$directory"
# A virtual or absent package among the dependencies has no files.
while read -r program; do
    ln -sfn "$program" "$directory/${program##*/}"
done < <(dpkg-query --listfiles "${packages[@]}" 2>/dev/null | grep -E '^(/usr)?/s?bin/[^/]+$' | sort -u)
# What the alternatives system links to belongs to one of these packages too: cc, awk.
for alternative in /etc/alternatives/*; do
    name=${alternative##*/}
    target=$(readlink -f "$alternative")
    if [ -e "/usr/bin/$name" ] && [ -e "$directory/${target##*/}" ]; then
        ln -sfn "/usr/bin/$name" "$directory/$name"
    fi
done
