#!/bin/bash
# Fails unless packages come out the same, to the byte, when they are made again:
#   deploy/packages/reproducible.sh FOLDER PROGRAMS
# FOLDER holds what `make packages` made of PROGRAMS. First the same programs are
# packed once more, then programs that are built from nothing: the sources in
# another folder, crates and target in others, with another user's habits.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(readlink -f "$1") programs=$(readlink -f "$2")
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A copy of the sources knows no commits.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# Packs in SOURCES what lies in PROGRAMS, and compares with what is in the folder.
compare() {
    local sources=$1 built=$2 packed=$3 package name differing=0
    for package in powerpi-pi powerpi-server; do
        # One processor, another zone, language, mask and place.
        name=$(umask 077 && mkdir -p "$work/tmp" && cd "$sources" && TMPDIR=$work/tmp TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 \
            taskset --cpu-list 0 deploy/packages/build.sh "$package" "$architecture" "$built" "$packed")
        cmp "$name" "$folder/$(basename "$name")" || { differing=1; what_differs "$name"; }
    done
    [ "$differing" = 0 ] || { echo "FAILED: $4" >&2; exit 1; }
    echo "ok: $4"
}

what_differs() {
    rm -rf "$work/one" "$work/other"
    dpkg-deb -R "$folder/$(basename "$1")" "$work/one"
    dpkg-deb -R "$1" "$work/other"
    diff -rq --no-dereference "$work/one" "$work/other" >&2 || true
}

compare "$PWD" "$programs" "$work/packed" "the same programs make the same packages"

elsewhere=$work/somewhere/else
mkdir -p "$elsewhere" "$work/crates"
git ls-files -z | tar --null --files-from=- --create | tar --extract --directory "$elsewhere"
for part in registry git; do
    [ ! -e "${CARGO_HOME:-$HOME/.cargo}/$part" ] || ln -s "$(readlink -f "${CARGO_HOME:-$HOME/.cargo}/$part")" "$work/crates/"
done
CARGO_HOME=$work/crates RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} \
    "$elsewhere/deploy/packages/build-programs.sh" "$work/built"
compare "$elsewhere" "$work/built/release" "$work/rebuilt" "programs built elsewhere make the same packages"
