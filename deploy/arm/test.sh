#!/bin/bash
# Runs the publishers for Raspberry Pis here, under emulation of their processors,
# against this machine's broker and recorder, over loopback:
#   deploy/arm/test.sh PROGRAMS [armv6] [armv7] [arm64]     (all three without a word)
# PROGRAMS is the folder with those; target/arm holds what deploy/arm/build.sh made.
# As root: Debian 12's C library for ARM is fetched once, into .cache/roots.
#
# Each counts the same household's day of the past, is killed by SIGKILL on the
# way, and has to end with what this machine's own publisher has.
set -euo pipefail
cd "$(dirname "$0")/../.."
programs=$(readlink -f "$1")
shift
[ $# -gt 0 ] || set -- armv6 armv7 arm64
sites=("$@")

declare -A architecture=([armv6]=armhf [armv7]=armhf [arm64]=arm64)
declare -A emulator=([armv6]=qemu-arm-static [armv7]=qemu-arm-static [arm64]=qemu-aarch64-static)
PORT=21883
MINUTES=1440

fail() {
    echo "FAILED: $*" >&2
    tail -n 5 "$work"/*.log >&2 2>/dev/null || true
    exit 1
}
passed() { echo "ok: $*"; }
work=$(mktemp -d)
declare -A process
stop() {
    for name in "${!process[@]}"; do kill "${process[$name]}" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap stop EXIT

start() {
    local name=$1
    shift
    (cd "$work" && exec "$@" --config "$work/$name.toml") >>"$work/$name.log" 2>&1 &
    process[$name]=$!
}

start_publisher() {
    local run=()
    [ "$1" = amd64 ] || run=("${emulator[$1]}" -L "$PWD/.cache/roots/libc-${architecture[$1]}")
    local program=$PWD/target/arm/$1/pi-publisher
    [ "$1" != amd64 ] || program=$programs/pi-publisher
    start "$1" "${run[@]}" "$program"
}

fetch_libc() {
    local root=.cache/roots/libc-$1
    [ ! -e "$root/made" ] || return 0
    mkdir -p .cache/roots
    rm -rf "$root"
    mmdebstrap --quiet --variant=extract --architectures="$1" --include=libc6,libgcc-s1 \
        ${APT_OPTION:+--aptopt="$APT_OPTION"} bookworm "$root" "deb http://deb.debian.org/debian bookworm main"
    touch "$root/made"
}

write_settings() {
    local first last
    first=$(date --utc --date=yesterday +%Y-%m-%dT00:00:00Z)
    last=$(date --utc +%Y-%m-%dT00:00:00Z)
    printf '[mqtt]\nlisten = "127.0.0.1:%s"\n[store]\npath = "broker.sqlite"\n' $PORT > "$work/powerpi-broker.toml"
    printf 'ledger = "ledger.sqlite"\nrrd_dir = "rrd"\n[mqtt]\nport = %s\n' $PORT > "$work/powerpi-recorder.toml"
    for site in "$@"; do
        mkdir -p "$work/$site"
        cat > "$work/$site.toml" <<END
site = "$site"
state_dir = "$site"
runtime_dir = "$site/run"
wait_for_clock = false
[mqtt]
port = $PORT
[[meter]]
id = "main"
pulses_per_kwh = 1000
source = { kind = "simulated", seed = 7, kwh_per_year = 8000, speed = 3600, from = "$first", until = "$last" }
END
    done
}

of_ledger() {
    sqlite3 -readonly "$work/ledger.sqlite" "SELECT minute, pulses, watched_s, total FROM every_minute
        WHERE meter = (SELECT id FROM meter WHERE site = '$1') ORDER BY minute" 2>/dev/null || true
}
of_outbox() { sqlite3 "$work/$1/outbox.sqlite" "SELECT minute, pulses, watched_s, total FROM minute ORDER BY minute"; }
wait_for_minutes() {
    local begin=$SECONDS
    until [ "$(of_ledger "$1" | wc -l)" -ge "$2" ]; do
        [ $((SECONDS - begin)) -lt 180 ] || fail "$1: waited for $2 recorded minutes"
        sleep 0.2
    done
}

# Raspberry Pi 1 and Zero know none of ARMv7's instructions. Without an ARMv6 system
# they would run here all the same, so they are looked for. A few are found: ring has
# code for newer processors, which it asks first, and some constants look like one.
# A program for ARMv7 has tens of thousands.
only_armv6() {
    local program=target/arm/armv6/pi-publisher newer
    readelf --arch-specific "$program" | grep 'Tag_CPU_arch: v6' >/dev/null || fail "$program is not for ARMv6"
    newer=$(arm-linux-gnueabihf-objdump --disassemble --section=.text "$program" |
        awk -F'\t' '$3 ~ /^(movw|movt|dmb|dsb|isb|bfi|bfc|ubfx|sbfx|rbit|mls|udiv|sdiv)$/' | wc -l)
    [ "$newer" -lt 20 ] || fail "$program has $newer instructions of ARMv7"
    passed "armv6 has no code that ARMv6 cannot run"
}

case " ${sites[*]} " in *" armv6 "*) only_armv6 ;; esac
for site in "${sites[@]}"; do fetch_libc "${architecture[$site]}"; done
write_settings "${sites[@]}" amd64
for daemon in powerpi-broker powerpi-recorder; do start $daemon "$programs/$daemon"; done
for site in "${sites[@]}" amd64; do start_publisher "$site"; done
for site in "${sites[@]}"; do
    wait_for_minutes "$site" 200
    kill -9 "${process[$site]}"
    wait "${process[$site]}" 2>/dev/null || true
    [ "$(of_ledger "$site" | wc -l)" -lt "$MINUTES" ] || fail "$site was through before it was killed"
    start_publisher "$site"
done
for site in amd64 "${sites[@]}"; do
    wait_for_minutes "$site" "$MINUTES"
    of_ledger "$site" > "$work/$site.recorded"
    of_outbox "$site" | cmp - "$work/$site.recorded" || fail "$site: the ledger has not what the outbox has"
    [ "$(wc -l < "$work/$site.recorded")" -eq "$MINUTES" ] || fail "$site: not $MINUTES minutes"
    cmp "$work/amd64.recorded" "$work/$site.recorded" || fail "$site has not counted what amd64 has"
    [ "$site" = amd64 ] || passed "$site: $(stat -c %s "target/arm/$site/pi-publisher") bytes; killed on the way," \
        "$MINUTES minutes and $(awk -F'|' '{ sum += $2 } END { print sum }' "$work/$site.recorded") pulses in outbox and ledger, as on amd64"
done
