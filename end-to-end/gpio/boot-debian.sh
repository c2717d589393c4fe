#!/bin/bash
# Boots a clean Debian 12 with its real systemd, the Pi's package in it, on a real
# kernel with a simulated GPIO chip, and counts while the publisher is killed,
# stopped, started again and replaced by a newer package. Its root is read-only.
#
#   boot-debian.sh FOLDER       FOLDER holds the package, as `make packages` made it
#
# As root, on amd64.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(readlink -f "$1")
here=$PWD/end-to-end/gpio
kernel=$("$here/build-kernel.sh")
# shellcheck source=deploy/packages/machine.sh
. deploy/packages/machine.sh

make_machine busybox-static
deb=$(ls "$folder"/powerpi-pi_*_amd64.deb)
dpkg-deb -x "$deb" "$work/unpacked"
install -d "$root/debs" "$root/host" "$root/out"
cp "$deb" "$root/debs/older.deb"
newer=$(POWERPI_VERSION=99 deploy/packages/build.sh powerpi-pi amd64 "$work/unpacked/usr/bin" "$work")
cp "$newer" "$root/debs/newer.deb"
chroot "$root" dpkg -i /debs/older.deb > /dev/null 2>&1
cat > "$root/etc/powerpi/pi-publisher.toml" << 'X'
site = "pi"
# Nobody tells this machine the time, but it is right.
wait_for_clock = false

[[meter]]
id = "main"
pulses_per_kwh = 1000
source = { kind = "cdev", line = "pin 11" }
X
cat > "$root/etc/systemd/system/under-test.service" << 'X'
[Unit]
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/bash /booted.sh
StandardOutput=file:/out/said
StandardError=inherit

[Install]
WantedBy=multi-user.target
X
ln -s ../under-test.service "$root/etc/systemd/system/multi-user.target.wants/"
install -m 755 "$here/on-the-pi/booted.sh" "$here/on-the-pi/pulses.py" "$root/"
# Debian's own chores are not what is looked at here.
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer systemd-timesyncd.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
mkdir "$work/out"

begun=$SECONDS
timeout 600 "$kernel" mem=1G "uml_dir=$work" quiet panic=-1 time-travel=inf-cpu con=null con0=null,fd:1 \
    root=none rootfstype=hostfs "rootflags=$root" ro "init=/booted.sh" "OUT=$work/out" \
    systemd.show_status=0 < /dev/null > "$work/console" 2>&1 || true
cat "$work/out/said" 2> /dev/null || { tail -n 40 "$work/console"; fail "nothing was said"; }
grep -qx 'all is well' "$work/out/said" || { tail -n 60 "$work/out/journal"; fail "the booted Debian"; }
# What it kept, with another program: minutes in the outbox, and the one in progress.
counted=$(sqlite3 -readonly "$work/out/outbox.sqlite" 'SELECT sum(pulses) FROM minute')
fell=$(cat "$work/out/pulsed")
[ "$counted" = "$fell" ] || fail "$fell pulses fell, $counted are in the outbox"
passed "$fell pulses over kills, restarts and an upgrade under systemd: $counted counted ($((SECONDS - begun)) s)"
