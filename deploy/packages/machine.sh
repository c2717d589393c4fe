# To be sourced: clean Debians 12 in folders, each booted with its real systemd, and
# cables between them. Debian 12 is fetched once, into .cache/roots. As root.
#
# A script with one machine needs no names. Where there are several, MACHINE names
# the one that is meant; `on NAME command` runs a command there.
# shellcheck shell=bash

cache=$PWD/.cache/roots
work=$(mktemp -d)
MACHINE=machine
declare -A containers leaders

fail() { echo "FAILED: $*" >&2; exit 1; }
passed() { echo "ok: $* ($SECONDS s)"; }

root_of() { echo "$cache/under-test-$$-$1"; }

stop_machine() {
    local name=${1:-$MACHINE}
    [ -z "${containers[$name]:-}" ] || { kill "${containers[$name]}" 2>/dev/null || true; wait "${containers[$name]}" 2>/dev/null || true; }
    unset "containers[$name]" "leaders[$name]"
    rm -rf "$(root_of "$name")"
}
stop_machines() {
    local name
    for name in "${!containers[@]}"; do stop_machine "$name"; done
    rm -rf "$work" "$cache/under-test-$$"-*
}
trap stop_machines EXIT

# A new root, with these packages of Debian's.
make_machine() {
    local clean=$cache/debian12
    root=$(root_of "$MACHINE")
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
    systemd-nspawn --quiet --directory="$(root_of "$MACHINE")" --hostname="$MACHINE" --boot --register=no --keep-unit \
        --private-network --system-call-filter="adjtimex clock_adjtime" --console=pipe </dev/null >"$work/console-$MACHINE" 2>&1 &
    containers[$MACHINE]=$!
    wait_until "Debian 12 to be up" booted
    inside ip link set lo up 2>/dev/null || true
}

booted() {
    leaders[$MACHINE]=$(pgrep -P "${containers[$MACHINE]}" | head -1)
    [ -n "${leaders[$MACHINE]}" ] && inside systemctl is-system-running | grep -E 'running|degraded'
}

inside() { nsenter --target "${leaders[$MACHINE]}" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

on() {
    local MACHINE=$1
    shift
    inside "$@"
}

# A cable between two machines: connect ONE ADDRESS OTHER ADDRESS. Each reaches whatever is elsewhere by the other.
connect() {
    ip link add "one-$$" netns "${leaders[$1]}" type veth peer name "other-$$" netns "${leaders[$3]}"
    on "$1" bash -euc "ip address add $2/24 dev one-$$; ip link set one-$$ up; ip route add default via $4"
    on "$3" bash -euc "ip address add $4/24 dev other-$$; ip link set other-$$ up; ip route add default via $2"
}

wait_until() {
    local what=$1 begin=$SECONDS
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((SECONDS - begin)) -lt "${PATIENCE:-120}" ] || { inside journalctl --no-pager -n 40 || true; fail "waited for: $what"; }
        sleep 0.5
    done
}
