#!/bin/bash
# Runs all tests, several test programs side by side, and closes with one line that adds up what
# each of them said. SIDE_BY_SIDE=1 runs them one after the other.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
# Most tests wait for clocks and other programs most of the time, and where only the last one of a
# test program is left, so does the machine.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}
side_by_side=${SIDE_BY_SIDE:-3}
# These take longest and begin first, so that none of them is left alone at the end.
longest="gpio pages postgresql silent_broker demo demo_house broker histories torture pipeline alarms proxies backup full_disk"

results=$(mktemp -d)
export root results
trap 'rm -rf "$results"' EXIT
# Without the examples, which clippy checks, and without doc tests, of which there are none.
cargo test --workspace --locked --tests --no-run --message-format=json-render-diagnostics > "$results/built" || exit
# Of each test program: its name, its package's folder, in which cargo would start it, its file and its source.
sed -nE '/"test":true\},"features"/ s/.*"manifest_path":"([^"]*)\/Cargo.toml".*"name":"([^"]*)","src_path":"([^"]*)".*"executable":"([^"]+)".*/\2\t\1\t\4\t\3/p' \
    "$results/built" > "$results/programs"
[ -s "$results/programs" ] || { echo "cargo named no test programs" >&2; exit 1; }

# run_program 'NAME<tab>FOLDER<tab>FILE<tab>SOURCE': shows what it said once it has ended.
run_program() {
    local name folder file source said code began=$SECONDS
    IFS=$'\t' read -r name folder file source <<< "$1"
    said=$(mktemp "$results/said.XXXXXX")
    (cd "$folder" && CARGO_MANIFEST_DIR=$folder exec "$file") < /dev/null > "$said" 2>&1
    code=$?
    grep -q '^test result:' "$said" || echo "test result: FAILED. 0 passed; 1 failed; 0 ignored: it ended with $code before its tests had" >> "$said"
    exec 9> "$results/lock"
    flock 9
    printf '\n     Running %s (%d s)\n' "${source#"$root/"}" $((SECONDS - began)) | cat - "$said" | tee -a "$results/shown"
    return $((code != 0))
}
export -f run_program

for name in $longest; do grep -P "^$name\t" "$results/programs"; done > "$results/sorted"
grep -vxF -f "$results/sorted" "$results/programs" >> "$results/sorted"
xargs -P "$side_by_side" -d '\n' -I{} bash -c 'run_program "$1"' run_program {} < "$results/sorted"
status=$?
# What failed once more at the end, where it is found.
awk '/^---- .* stdout ----$/ { told = 1 } /^test result:|^failures:$/ { told = 0 } told
     /^ +Running / { running = $0 } /^test result: FAILED/ { print running; print }' "$results/shown" | cut -c 1-500 | head -n 200
awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$results/shown"
exit "$status"
