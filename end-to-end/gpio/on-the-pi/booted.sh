#!/bin/bash
# Two things: as the first process, makes a machine of a read-only root, and hands
# over to systemd; started by systemd, the test itself.
set -euo pipefail

if [ $$ = 1 ]; then
    b=/usr/bin/busybox
    $b mount -t proc proc /proc
    out=$($b sed -n 's/.*OUT=\([^ ]*\).*/\1/p' /proc/cmdline)
    $b mount -t hostfs -o "$out" out /out
    # The host's Python; nothing else of it.
    $b mount -t hostfs -o / host /host
    # What has to be writable: copies in memory, with their owners.
    $b mount -t tmpfs run /run
    for folder in etc var; do
        $b mkdir -p "/run/copy/$folder"
        $b cp -a "/$folder/." "/run/copy/$folder/"
        $b mount --bind "/run/copy/$folder" "/$folder"
    done
    $b mount -t tmpfs tmp /tmp
    exec /lib/systemd/systemd
fi

fail() { echo "FAILED: $*"; exit 1; }
finish() {
    journalctl --no-pager > /out/journal || true
    cp /var/lib/powerpi/publisher/outbox.sqlite* /out/ || true
    # systemd would first wait for what User-mode Linux does not have.
    busybox poweroff -f
}
trap finish EXIT

# The header's chip appears, and udev gives it to its group.
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
chip=/sys/kernel/config/gpio-sim/pi
mkdir -p $chip/header/line17
echo pinctrl-bcm2835 > $chip/header/label
echo 54 > $chip/header/num_lines
echo GPIO17 > $chip/header/line17/name
echo 1 > $chip/live
pull=/sys/devices/platform/$(cat $chip/dev_name)/$(cat $chip/header/chip_name)/sim_gpio17/pull
echo pull-up > "$pull"
udevadm settle
[ "$(stat -c %G /dev/gpiochip0)" = gpio ] || fail "/dev/gpiochip0 belongs to $(stat -c %G /dev/gpiochip0)"

pid() { systemctl show -p MainPID --value pi-publisher; }
start=$(systemctl is-enabled pi-publisher)
[ "$start" = enabled ] || fail "pi-publisher is $start"
systemctl start pi-publisher
[ "$(stat -c %U "/proc/$(pid)")" = powerpi-publisher ] || fail "it runs as $(stat -c %U "/proc/$(pid)")"
[ "$(systemctl show -p NFileDescriptorStore --value pi-publisher)" = 1 ] || fail "systemd keeps no descriptor"

mount --bind /sys /host/sys
cp /pulses.py /tmp/
mount --bind /tmp /host/tmp
pulses() { chroot /host /usr/bin/python3 /tmp/pulses.py "$pull" train "$@"; }
# At S0's highest rate, for a minute and a half.
pulses 1500 30 30 > /tmp/fallen &
falling=$!
restarted() { old=$1; for _ in $(seq 100); do new=$(pid); [ "$new" != 0 ] && [ "$new" != "$old" ] && return; sleep 0.2; done; fail "it did not come back"; }
for _ in 1 2 3; do
    sleep 8
    old=$(pid)
    kill -9 "$old"
    restarted "$old"
done
for _ in 1 2; do
    sleep 8
    old=$(pid)
    systemctl restart pi-publisher
    restarted "$old"
done
sleep 8
kill -STOP "$(pid)"
sleep 5
kill -CONT "$(pid)"
sleep 5
# The root is read-only but for an upgrade.
mount -o remount,rw /
old=$(pid)
dpkg -i /debs/newer.deb > /tmp/dpkg 2>&1 || { cat /tmp/dpkg; fail "dpkg"; }
restarted "$old"
wait $falling
[ "$(dpkg-query -W -f '${Version}' powerpi-pi)" = 99 ] || fail "the newer package is not installed"
[ "$(systemctl show -p NFileDescriptorStore --value pi-publisher)" = 1 ] || fail "systemd keeps no descriptor any more"
# The last pulse's minute is over.
sleep 70
systemctl stop pi-publisher
cat /tmp/fallen > /out/pulsed
echo "all is well"
