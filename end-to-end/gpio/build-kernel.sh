#!/bin/sh
# Builds a User-mode Linux with a simulated GPIO chip from Debian's kernel
# source, once: about three minutes on two cores. Prints the kernel's path.
#
#   build-kernel.sh [linux-source-6.1.tar.xz]
set -eu
here=$(dirname "$(readlink -f "$0")")
cache=$(readlink -f "$here/../..")/.cache/uml
source=${1:-$(find /usr/src -maxdepth 1 -name 'linux-source-*.tar.xz' | sort -V | tail -n 1)}

missing=
for tool in gcc make flex bison bc xz; do
    command -v $tool > /dev/null || missing="$missing $tool"
done
[ -e "$source" ] || missing="$missing linux-source-6.1"
if [ -n "$missing" ]; then
    echo "Missing:$missing. On Debian 12 install:" >&2
    echo "  apt-get install --no-install-recommends linux-source-6.1 gcc libc6-dev make flex bison bc xz-utils" >&2
    exit 1
fi

# A new source or a new configuration is a new kernel.
version=$(basename "$source" .tar.xz | sed s/linux-source-//)
kernel=$cache/linux-$version-$(cat "$source" "$0" "$here/kernel.config" | sha256sum | cut -c 1-12)
if [ -x "$kernel" ]; then
    echo "$kernel"
    exit
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
echo "Building User-mode Linux from $source ..." >&2
tar -C "$work" --strip-components=1 -xf "$source"
cd "$work"
# The simulated chip needs interrupt numbers; User-mode Linux takes all there
# are. And it interrupts at ticks, which at 100 a second are wider than a bounce.
sed -i 's/^#define NR_IRQS\([[:space:]]*\)UM_LAST_SIGNAL_IRQ$/#define NR_IRQS\1(UM_LAST_SIGNAL_IRQ + 64)/' \
    arch/um/include/asm/irq.h
sed -i '/^config HZ$/,/default/ s/default 100$/default 1000/' arch/um/Kconfig
{
    make ARCH=um KCONFIG_ALLCONFIG="$here/kernel.config" allnoconfig
    for option in $(grep -o '^CONFIG_[A-Z0-9_]*=y' "$here/kernel.config"); do
        grep -qx "$option" .config || { echo "this source does not have $option"; exit 1; }
    done
    make ARCH=um -j"$(nproc)" linux
} > "$cache/build.log" 2>&1 || { tail -n 20 "$cache/build.log" >&2; exit 1; }
strip -o "$kernel" linux
echo "$kernel"
