#!/bin/bash
# Runs all tests some times beside processes that keep the machine busy: no test may need a quiet one.
#
#   end-to-end/beside-load.sh [RUNS [PROCESSES]]      3 times, beside 4, unless said otherwise
#
# Prints a line for each run, and ends with 1 if any of them failed. What a run said is in
# target/beside-load/.
set -uo pipefail
cd "$(dirname "$0")/.."

runs=${1:-3} processes=${2:-4}
if ! [[ $runs =~ ^[1-9][0-9]*$ && $processes =~ ^[0-9]+$ && $# -le 2 ]]; then
    echo "usage: end-to-end/beside-load.sh [RUNS [PROCESSES]]   whole numbers, 3 and 4 unless said otherwise" >&2
    exit 2
fi

load=() tests=
stop() {
    [ -z "$tests" ] || kill -- -"$tests" 2> /dev/null
    [ ${#load[@]} -eq 0 ] || kill "${load[@]}" 2> /dev/null
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for ((process = 0; process < processes; process++)); do
    # Each ends with this script, however that ends. A session of its own each: Linux may share the
    # processors out among sessions first, and then four processes in one would be a load of one.
    setsid bash -c 'while kill -0 "$1" 2> /dev/null; do for ((n = 0; n < 100000; n++)); do :; done; done' \
        load $$ &
    load+=($!)
done

folder=target/beside-load
mkdir -p $folder
failed=0
for ((run = 1; run <= runs; run++)); do
    began=$SECONDS
    # In the background and a group of its own, so that a signal ends it and all it started at once.
    setsid deploy/run-tests.sh > "$folder/$run.log" 2>&1 &
    tests=$!
    if wait $tests; then outcome=passed; else outcome=failed; failed=$((failed + 1)); fi
    tests=
    echo "run $run of $runs $outcome after $(((SECONDS - began) / 60)) minutes, beside a load of $processes: $(tail -n 1 "$folder/$run.log")"
    [ $outcome = passed ] || grep -E '^test .* FAILED$' "$folder/$run.log"
done
[ $failed -eq 0 ]
