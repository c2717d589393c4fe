#!/bin/bash
# Counts pulses on a real Linux kernel with a simulated GPIO chip: boots
# User-mode Linux as an ordinary process, runs publisher, broker and recorder in
# it, and looks at ledger and RRD afterwards. Minutes of pulses take seconds,
# because time stands still while the kernel works and jumps while it sleeps.
#
#   count-on-real-kernel.sh [SCENARIO...]     all of them without one
#
#   count   100 pulses through the character device and 100 through sysfs
#   keep    3,000 pulses while the publisher is killed and started ten times
#   rates   an hour of a household's pulses, S0's highest rate, ten times that,
#           and a publisher that is stopped for five seconds
#   clock   1970, NTP after ten minutes, a clock set back and forth by hand
#   faults  what goes wrong with lines, and what is said of it
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
# Beside other tests, which are not to wait for it.
kernel=$(nice "$here/build-kernel.sh")
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

# What was recorded is looked at outside, with other people's tools.
wrong=0
# ledger SCENARIO SQL
ledger() {
    sqlite3 -separator ' ' "$out/$1/ledger.sqlite" "$2"
}
by_meter='SELECT meter.meter, sum(minute.pulses) FROM every_minute AS minute JOIN meter ON meter.id = minute.meter GROUP BY 1 ORDER BY 1'
# expect WHAT EXPECTED FOUND
expect() {
    if [ "$2" = "$3" ]; then
        echo "$1: $3"
    else
        echo "$1: expected $2, found $3" >&2
        wrong=1
    fi
}

looked_count() {
    for meter in cdev sysfs; do
        recorded=$(ledger count "$by_meter" | sed -n "s/^$meter //p")
        drawn=$(rrdtool fetch "$out/count/rrd/pi/$meter.rrd" AVERAGE --resolution 60 --start -1h --end +1h |
            awk 'NF == 2 && $2 !~ /nan/ { pulses += $2 } END { printf "%.0f", pulses }') || drawn=none
        expect "$meter, 100 pulses: ledger and RRD" "100 100" "$recorded $drawn"
    done
}

# The first minute began before the publisher, the last one went on after it.
unwatched='SELECT coalesce(sum(60 - watched_s), 0) FROM every_minute WHERE minute > (SELECT min(minute) FROM every_minute)
    AND minute < (SELECT max(minute) FROM every_minute)'

looked_keep() {
    expect "cdev, 3000 pulses over ten kills and restarts: pulses, seconds unwatched, restarts with the line" "3000 0 10" \
        "$(ledger keep 'SELECT sum(pulses) FROM every_minute') $(ledger keep "$unwatched") \
$(grep -c 'start with 1 descriptors' "$out/keep/service.log")"
}

looked_rates() {
    while read -r meter fell; do
        counted=$(ledger rates "$by_meter" | sed -n "s/^$meter //p")
        missed=$(ledger rates "$unwatched AND meter = (SELECT id FROM meter WHERE meter = '$meter')")
        case $meter in
        # What five seconds of S0's highest rate hold is the most that is lost, and the
        # time is not called watched.
        sysfs)
            lost=$((fell - counted))
            expect "sysfs, $fell pulses, 5 s of them with a stopped publisher: $lost lost, $missed s unwatched; bounded and told" \
                yes "$([ $lost -ge 1 ] && [ $lost -le 84 ] && [ "$missed" -ge 5 ] && [ "$missed" -le 7 ] && echo yes || echo no)"
            ;;
        *) expect "$meter, $fell pulses: pulses, seconds unwatched" "$fell 0" "$counted $missed" ;;
        esac
    done < "$out/rates/pulsed"
}

looked_clock() {
    expect "a clock of 1970, of NTP, set by hand, and a leap second: minutes and their pulses" \
        "$(tr '\n' ' ' < "$out/clock/pulsed")" \
        "$(ledger clock 'SELECT minute, pulses FROM every_minute WHERE pulses > 0' | tr '\n' ' ')"
}

looked_faults() { :; }

[ $# -gt 0 ] || set -- faults count keep rates clock
for scenario in "$@"; do
    mkdir "$out/$scenario"
    begun=$SECONDS
    on_the_pi "$scenario.sh" "$out/$scenario"
    before=$wrong
    "looked_$scenario"
    [ "$wrong" = "$before" ] || tail -n 40 "$out/$scenario"/*.log >&2
    echo "$scenario took $((SECONDS - begun)) s"
done
exit $wrong
