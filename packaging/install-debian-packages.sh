#!/usr/bin/env bash
# Installs the Debian packages that building, testing and the demo need: packaging/debian-packages.txt, nothing else.
# Asks nothing, starts no daemon. Says what to do where it may not install.
set -euo pipefail
cd "$(dirname "$0")"

# A client's pick is bound to the machine's id (docs/spec.md, section 7). systemd gives a machine one; a container may
# have none.
if [ ! -s /etc/machine-id ] && [ "$(id -u)" -eq 0 ]; then
    od --address-radix=n --format=x1 --read-bytes=16 /dev/urandom | tr --delete ' \n' >/etc/machine-id
    echo >>/etc/machine-id
fi

mapfile -t wanted < <(sed 's/#.*//' debian-packages.txt | awk 'NF { print $1 }')
missing=()
for package in "${wanted[@]}"; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || state=absent
    [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo --non-interactive true 2>/dev/null; then
        echo "These Debian packages are missing, and this user may not install them. Run as root:" >&2
        echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo --non-interactive)
fi

# A package's daemon is not started while this policy stands; one that stands there already is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 0755 $policy
    trap '"${as_root[@]}" rm -f $policy' EXIT
fi

apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet --option Dpkg::Use-Pty=0 "$@"; }
echo "Installing from Debian: ${missing[*]}"
apt update
apt install --yes --no-install-recommends "${missing[@]}"
