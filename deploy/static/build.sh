#!/bin/bash
# Makes a tarball of pi-publisher for Linux on amd64 without Debian's packages: one static program, which needs nothing of
# the system that it runs on, with its settings, unit and manual pages: deploy/static/build.sh PROGRAM FOLDER
# PROGRAM is what `make static` has built. The same program makes the same tarball, to the byte.
#
# Only of the publisher: the server's programs draw with librrd, which loads fonts and more of the system at run time.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$1 folder=$2
version=${POWERPI_VERSION:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
! readelf --program-headers "$program" | grep INTERP >/dev/null || { echo "$program is not static" >&2; exit 1; }
name=powerpi-pi_${version}_linux_amd64
root=$work/$name
install -D -m 755 "$program" "$root/usr/bin/pi-publisher"
strip "$root/usr/bin/pi-publisher"
"$root/usr/bin/pi-publisher" write-manual "$root/usr/share"
install -D -m 644 deploy/pi-publisher.toml "$root/etc/powerpi/pi-publisher.toml"
install -D -m 644 deploy/systemd/pi-publisher.service "$root/usr/lib/systemd/system/pi-publisher.service"
install -D -m 644 deploy/systemd/powerpi-pi.sysusers "$root/usr/lib/sysusers.d/powerpi-pi.conf"
install -D -m 644 deploy/systemd/powerpi-pi.tmpfiles "$root/usr/lib/tmpfiles.d/powerpi-pi.conf"
install -D -m 644 deploy/systemd/powerpi-pi.udev "$root/usr/lib/udev/rules.d/60-powerpi-pi.rules"
install -m 755 deploy/static/install.sh "$root/install.sh"
install -m 644 LICENSE LICENSE-MIT LICENSE-APACHE CHANGELOG.md docs/PAIRING.md docs/COUNTERS.md "$root"
mkdir -p "$folder"
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" "$name" |
    gzip -9n > "$folder/$name.tar.gz"
echo "$folder/$name.tar.gz"
