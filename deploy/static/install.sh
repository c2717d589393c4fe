#!/bin/sh
# Installs, or upgrades, pi-publisher on a Linux with systemd, as root: ./install.sh
# Settings that are there stay. Without systemd copy usr/bin/pi-publisher, and let anything run it that starts it again.
set -eu
cd "$(dirname "$0")"
install -D -m 755 usr/bin/pi-publisher /usr/bin/pi-publisher.new
mv /usr/bin/pi-publisher.new /usr/bin/pi-publisher
cp -r usr/lib usr/share /usr/
[ -e /etc/powerpi/pi-publisher.toml ] || install -D -m 644 etc/powerpi/pi-publisher.toml /etc/powerpi/pi-publisher.toml
systemd-sysusers powerpi-pi.conf
systemd-tmpfiles --create powerpi-pi.conf
udevadm control --reload 2> /dev/null || true
udevadm trigger --subsystem-match=gpio 2> /dev/null || true
systemctl daemon-reload
systemctl enable pi-publisher
# A restart loses no pulse: systemd keeps the lines open meanwhile.
systemctl try-restart pi-publisher
echo "Join a server: run 'sudo powerpi invite home' there, and here 'sudo pi-publisher join'."
