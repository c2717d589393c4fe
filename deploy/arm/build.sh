#!/bin/bash
# Builds pi-publisher for Raspberry Pis, on an amd64 machine, as root:
#   deploy/arm/build.sh [armv6] [armv7] [arm64]     (all three without a word)
# The programs lie in target/arm/<name>/pi-publisher and run on Debian 12
# (glibc 2.36) and newer; armv6 is for every 32-bit Pi.
#
# Rust's libraries for ARM are Debian's, so no rustup is needed: compiler and
# libraries come from a folder with Debian sid, made once (2.5 GB in .cache/arm;
# delete it to have a newer one). The C compiler and linker is Zig, because it
# links against an older glibc than the folder's, and for ARMv6, which Debian's
# own ARM compiler cannot; Debian has no Rust libraries for ARMv6 either, so
# they are compiled along. APT_OPTION passes one on to apt, for a mirror that
# stands still: APT_OPTION='Acquire::Check-Valid-Until "false"'.
set -euo pipefail
cd "$(dirname "$0")/../.."

ZIGBUILD="cargo-zigbuild==0.24.1 ziglang==0.17.1"
GLIBC=2.36
PACKAGES="ca-certificates,rustc,cargo,rust-src,python3-pip,libc6-dev,libstd-rust-dev:armhf,libstd-rust-dev:arm64"

declare -A target=(
    [armv6]=arm-unknown-linux-gnueabihf
    [armv7]=armv7-unknown-linux-gnueabihf
    [arm64]=aarch64-unknown-linux-gnu
)

cache=$PWD/.cache/arm
root=$cache/root
mkdir -p "$cache"

make_root() {
    [ -e "$root/made" ] && return
    command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing: deploy/install-packages.sh arm" >&2; exit 1; }
    rm -rf "$root"
    mmdebstrap --variant=minbase --architectures=amd64,armhf,arm64 --aptopt='APT::Install-Recommends "false"' \
        ${APT_OPTION:+--aptopt="$APT_OPTION"} \
        --include="$PACKAGES" sid "$root"
    mkdir -p "$root/powerpi"
    # Whatever certificates this machine trusts for downloads.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    cp -L /etc/resolv.conf "$root/etc/"
    # shellcheck disable=SC2086 # two words
    inside pip install --quiet --break-system-packages --root-user-action ignore $ZIGBUILD
    touch "$root/made"
}

# Runs a command in the root, with mounts that end with it.
inside() {
    unshare --mount --pid --fork bash -euc '
        mount -t proc proc "$1/proc"
        mount --bind /dev "$1/dev"
        root=$1; shift
        exec chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/powerpi \
            SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt CARGO_HOME=/powerpi/cargo \
            CARGO_TARGET_DIR=/powerpi/target CARGO_TERM_COLOR=never "$@"' - "$root" "$@"
}

# The sources lie at the same place for everybody, so that the same programs come out.
copy_sources() {
    rm -rf "$root/powerpi/source"
    mkdir -p "$root/powerpi/source"
    git ls-files -z | tar --null --files-from=- --create | tar --extract --directory "$root/powerpi/source"
}

build() {
    local name=$1 triple=${target[$1]}
    local std=()
    [ "$name" = armv6 ] && std=(-Z "build-std=std,panic_unwind")
    inside /usr/bin/env RUSTC_BOOTSTRAP=1 bash -euc '
        cd /powerpi/source
        cargo zigbuild --release --locked --quiet --package pi-publisher "$@"' \
        - --target "$triple.$GLIBC" "${std[@]}"
    install -D -m 755 "$root/powerpi/target/$triple/release/pi-publisher" "target/arm/$name/pi-publisher"
    printf '%-6s %9d bytes  target/arm/%s/pi-publisher\n' \
        "$name" "$(stat -c %s "target/arm/$name/pi-publisher")" "$name"
}

[ "$(id -u)" -eq 0 ] || { echo "Creating the folder with Debian sid needs root: sudo $0 $*" >&2; exit 1; }
[ $# -gt 0 ] || set -- armv6 armv7 arm64
for name in "$@"; do
    [ -n "${target[$name]:-}" ] || { echo "Unknown target \"$name\": use armv6, armv7 or arm64." >&2; exit 2; }
done
make_root
copy_sources
for name in "$@"; do build "$name"; done
