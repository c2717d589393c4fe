#!/bin/bash
# Makes one Debian package from programs that are built already:
#   deploy/packages/build.sh powerpi-pi|powerpi-server ARCHITECTURE PROGRAMS FOLDER [OURS]
# PROGRAMS is the folder they lie in, FOLDER where the package goes. The programs
# write their manual pages themselves; where they are for another processor, those
# in OURS do. The same programs make the same package, to the byte.
set -euo pipefail
cd "$(dirname "$0")/../.."

package=$1 architecture=$2 programs=$3 folder=$4 ours=${5:-$3}
case $package in
powerpi-pi) binaries="pi-publisher" ;;
powerpi-server) binaries="powerpi-broker powerpi-recorder powerpi-web powerpi-alarms powerpi" ;;
*) echo "Unknown package \"$package\": use powerpi-pi or powerpi-server." >&2; exit 2 ;;
esac
# POWERPI_VERSION: for tests of upgrades.
version=${POWERPI_VERSION:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)}
# The time of the last commit stands for all files; outside of git, the changelog's.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
strip_of() { case $1 in amd64) echo strip ;; *) echo true ;; esac; } # Zig's are stripped

for binary in $binaries; do
    install -D -m 755 "$programs/$binary" "$root/usr/bin/$binary"
    "$(strip_of "$architecture")" "$root/usr/bin/$binary"
    "$ours/$binary" write-manual "$root/usr/share"
    settings=deploy/$binary.toml
    [ "$binary" = powerpi ] || install -D -m 644 "$settings" "$root/etc/powerpi/$binary.toml"
    [ "$binary" = powerpi ] || install -D -m 644 "deploy/systemd/$binary.service" "$root/lib/systemd/system/$binary.service"
done
if [ "$package" = powerpi-server ]; then
    for unit in powerpi-backup.service powerpi-backup.timer powerpi-pairing.service \
        powerpi-certificate.service powerpi-certificate.timer \
        powerpi-home-assistant.service powerpi-home-assistant.timer; do
        install -D -m 644 "deploy/systemd/$unit" "$root/lib/systemd/system/$unit"
    done
    install -D -m 644 deploy/powerpi-home-assistant.toml "$root/etc/powerpi/powerpi-home-assistant.toml"
fi
install -D -m 644 "deploy/systemd/$package.sysusers" "$root/usr/lib/sysusers.d/$package.conf"
install -D -m 644 "deploy/systemd/$package.tmpfiles" "$root/usr/lib/tmpfiles.d/$package.conf"
if [ "$package" = powerpi-pi ]; then
    install -D -m 644 deploy/systemd/powerpi-pi.udev "$root/lib/udev/rules.d/60-powerpi-pi.rules"
fi

find "$root/usr/share/man" -type f -exec gzip -9n {} +

doc=$root/usr/share/doc/$package
install -d "$doc"
cat deploy/packages/copyright LICENSE-MIT > "$doc/copyright"
gzip -9n < CHANGELOG.md > "$doc/CHANGELOG.md.gz"
printf '%s (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- PowerPi <powerpi@example.org>  %s\n' \
    "$package" "$version" "$(LC_ALL=C date --utc --date="@$SOURCE_DATE_EPOCH" --rfc-email)" | gzip -9n > "$doc/changelog.gz"
install -D -m 644 "deploy/packages/$package/lintian-overrides" "$root/usr/share/lintian/overrides/$package"
[ ! -d "deploy/packages/$package/doc" ] || cp -r "deploy/packages/$package/doc/." "$doc/"
for guide in docs/*.md docs/*.svg; do
    [ ! -e "$guide" ] || install -m 644 "$guide" "$doc/"
done
install -d "$doc/decisions"
install -m 644 docs/decisions/*.md "$doc/decisions/"
if [ "$package" = powerpi-server ] && [ -d deploy/proxies ]; then
    install -d "$doc/examples"
    install -m 644 deploy/proxies/* "$doc/examples/"
fi

libgcc=", libgcc-s1"
# To its end: with -q objdump could die of a closed pipe, and the dependency be missing.
objdump -p "$root/usr/bin/pi-publisher" 2>/dev/null | grep libgcc_s >/dev/null || libgcc=""
install -d "$root/DEBIAN"
size=$(du -k --apparent-size --summarize --exclude=DEBIAN "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" -e "s/@LIBGCC@/$libgcc/" \
    "deploy/packages/$package/control" > "$root/DEBIAN/control"
(cd "$root" && find etc -type f -printf '/%p\n' | LC_ALL=C sort) > "$root/DEBIAN/conffiles"
(cd "$root" && find usr lib -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"
for script in postinst prerm postrm; do
    install -m 755 "deploy/packages/$package/$script" "$root/DEBIAN/$script"
done
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -print0 | xargs -0r touch --no-dereference --date="@$SOURCE_DATE_EPOCH"
mkdir -p "$folder"
dpkg-deb --root-owner-group -Zxz --build "$root" "$folder/${package}_${version}_$architecture.deb" >/dev/null
echo "$folder/${package}_${version}_$architecture.deb"
