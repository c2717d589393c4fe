#!/bin/bash
# Runs all tests and closes with one line that adds up what each runner said.
set -uo pipefail
# Most tests wait for clocks and other programs most of the time.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}
results=$(mktemp)
trap 'rm -f "$results"' EXIT
# Without the examples, which clippy checks, and without doc tests, of which there are none.
cargo test --workspace --locked --no-fail-fast --tests 2>&1 | tee "$results"
status=${PIPESTATUS[0]}
# What failed once more at the end, where it is found.
awk '/^---- .* stdout ----$/ { told = 1 } /^test result:|^failures:$/ { told = 0 } told' "$results" | cut -c 1-500 | head -n 200
awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$results"
exit "$status"
