#!/bin/bash
# Counts pulses on a real Linux kernel with a simulated GPIO chip: boots
# User-mode Linux as an ordinary process, runs publisher, broker and recorder in
# it, and looks at ledger and RRD afterwards. Minutes of pulses take seconds,
# because time stands still while the kernel works and jumps while it sleeps.
#
#   count-on-real-kernel.sh [faults]     with "faults" also what goes wrong
#
# BIN, a folder of built programs, spares building them.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
workspace=$(readlink -f "$here/../..")

missing=()
for tool in busybox sqlite3 rrdtool setpriv; do
    command -v $tool > /dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "Missing: ${missing[*]}. On Debian 12 install:" >&2
    echo "  apt-get install --no-install-recommends busybox-static sqlite3 rrdtool util-linux" >&2
    exit 1
fi
kernel=$("$here/build-kernel.sh")
if [ -z "${BIN:-}" ]; then
    (cd "$workspace" && cargo build -q -p pi-publisher -p powerpi-broker -p powerpi-recorder)
    target=$(cd "$workspace" && cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    BIN=$target/debug
fi
BIN=$(readlink -f "$BIN")

# on_the_pi SCRIPT OUT: runs a script on the simulated Pi; the host's files are
# its own, read-only, and OUT is where it may write.
on_the_pi() {
    timeout 600 "$kernel" mem=768M "uml_dir=$2" quiet panic=-1 time-travel=inf-cpu \
        con=null con0=null,fd:1 root=none rootfstype=hostfs rootflags=/ ro \
        "init=$here/init" "TEST=$here/on-the-pi/$1" "BIN=$BIN" "OUT=$2" < /dev/null || true
    [ "$(cat "$2/exit-code" 2> /dev/null)" = 0 ] || {
        echo "$1 failed on the simulated Pi" >&2
        grep -H . "$2"/*.log >&2 || true
        return 1
    }
}

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
if [ "${1:-}" = faults ]; then
    on_the_pi faults.sh "$out"
fi
on_the_pi count.sh "$out"
mkdir "$out/keep"
on_the_pi keep.sh "$out/keep"
mkdir "$out/clock"
on_the_pi clock.sh "$out/clock"

# What was recorded is looked at outside, with other people's tools.
wrong=0
for meter in cdev sysfs; do
    recorded=$(sqlite3 "$out/ledger.sqlite" "
        SELECT coalesce(sum(minute.pulses), 0) FROM minute
        JOIN meter ON meter.id = minute.meter WHERE meter.meter = '$meter'")
    drawn=$(rrdtool fetch "$out/rrd/pi/$meter.rrd" AVERAGE --resolution 60 --start -1h --end +1h |
        awk 'NF == 2 && $2 !~ /nan/ { pulses += $2 } END { printf "%.0f", pulses }') || drawn=none
    echo "$meter: 100 pulses in, $recorded counted"
    if [ "$recorded" != 100 ] || [ "$drawn" != 100 ]; then
        echo "$meter: ledger $recorded, RRD $drawn, not 100" >&2
        wrong=1
    fi
done

counted=$(sqlite3 "$out/keep/ledger.sqlite" 'SELECT sum(pulses) FROM minute')
# The first minute began before the publisher, the last one went on after it.
unwatched=$(sqlite3 "$out/keep/ledger.sqlite" '
    SELECT coalesce(sum(60 - watched_s), 0) FROM minute
    WHERE minute > (SELECT min(minute) FROM minute) AND minute < (SELECT max(minute) FROM minute)')
restarts=$(grep -c "start with 1 descriptors" "$out/keep/service.log") || true
echo "cdev, over $restarts restarts of the publisher: 3000 pulses in, $counted counted, $unwatched s unwatched"
if [ "$counted" != 3000 ] || [ "$unwatched" != 0 ] || [ "$restarts" != 10 ]; then
    cat "$out/keep/service.log" >&2
    tail -n 40 "$out/keep/publisher.log" >&2
    wrong=1
fi

counted=$(sqlite3 -separator ' ' "$out/clock/ledger.sqlite" 'SELECT minute, pulses FROM minute WHERE pulses > 0')
if [ "$counted" = "$(cat "$out/clock/pulsed")" ]; then
    echo "a clock of 1970, of NTP, and set by hand: all $(wc -l < "$out/clock/pulsed") minutes with pulses are right"
else
    echo "a clock of 1970, of NTP, and set by hand: minute and pulses, as they fell and as they were counted:" >&2
    diff "$out/clock/pulsed" - <<< "$counted" >&2
    wrong=1
fi
exit $wrong
