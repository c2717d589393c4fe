#!/bin/bash
# Builds the programs that go into packages: deploy/packages/build-programs.sh TARGET [WHICH]
# They lie in TARGET/release afterwards; all of them, unless cargo's options in WHICH
# name some. The same sources and the same compiler
# make the same programs, to the byte, wherever sources, crates and TARGET lie:
# no path of this machine gets in (deploy/packages/reproducible.sh tries it).
set -euo pipefail
target=$(readlink -m "$1")
shift
[ $# -gt 0 ] || set -- --bins
cd "$(dirname "$0")/../.."

# The last that fits counts, so what lies inside another comes after it. Crates may
# lie behind a link, which cargo follows.
home=${CARGO_HOME:-$HOME/.cargo}
folders=("$home=/cargo" "$(readlink -m "$home/registry")=/cargo/registry" "$PWD=/powerpi" "$target=/target")
flags=("${folders[@]/#/--remap-path-prefix=}")
# C parts, such as SQLite, name their files as well.
export CFLAGS="${CFLAGS:-} ${folders[*]/#/-ffile-prefix-map=}"
# Separated by a character that no folder's name has.
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS
CARGO_TARGET_DIR=$target cargo build --release --locked "$@"
