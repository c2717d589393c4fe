# To be sourced: a clean Debian 12 in a folder, booted with its real systemd.
# Debian 12 is fetched once, into .cache/roots. As root.
# shellcheck shell=bash

cache=$PWD/.cache/roots
root=$cache/under-test-$$
work=$(mktemp -d)
machine=
leader=

fail() { echo "FAILED: $*" >&2; exit 1; }
passed() { echo "ok: $*"; }

stop_machine() {
    [ -z "$machine" ] || { kill "$machine" 2>/dev/null || true; wait "$machine" 2>/dev/null || true; }
    rm -rf "$work" "$root"
}
trap stop_machine EXIT

# A new root, with these packages of Debian's.
make_machine() {
    local clean=$cache/debian12
    mkdir -p "$cache"
    if [ ! -e "$clean/made" ]; then
        rm -rf "$clean"
        debootstrap --variant=minbase \
            --include=systemd,systemd-sysv,udev,dbus,ca-certificates,curl,iproute2,procps bookworm "$clean" >/dev/null
        touch "$clean/made"
    fi
    rm -rf "$root"
    cp -a "$clean" "$root"
    cp -L /etc/resolv.conf "$root/etc/"
    printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    chroot "$root" env DEBIAN_FRONTEND=noninteractive bash -euc '
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null' - "$@" 2>/dev/null
    rm "$root/usr/sbin/policy-rc.d"
}

boot_machine() {
    # It has a network of its own, with nobody else in it. As on a real machine, and
    # unlike in other containers, a program may read whether the clock is synchronised.
    systemd-nspawn --quiet --directory="$root" --boot --register=no --keep-unit --private-network \
        --system-call-filter="adjtimex clock_adjtime" --console=pipe </dev/null >"$work/console" 2>&1 &
    machine=$!
    wait_until "Debian 12 to be up" booted
    inside ip link set lo up 2>/dev/null || true
}

booted() {
    leader=$(pgrep -P "$machine" | head -1)
    [ -n "$leader" ] && inside systemctl is-system-running | grep -qE 'running|degraded'
}

inside() { nsenter --target "$leader" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

wait_until() {
    local what=$1 begin=$SECONDS
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((SECONDS - begin)) -lt 120 ] || { inside journalctl --no-pager -n 40 || true; fail "waited for: $what"; }
        sleep 0.5
    done
}
