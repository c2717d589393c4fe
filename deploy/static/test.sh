#!/bin/bash
# Installs the static tarball in a booted Debian 12 as its install.sh does, upgrades it while it runs, and looks that settings stay:
#   deploy/static/test.sh FOLDER       FOLDER holds the tarball, as `make static` made it
# As root, on amd64.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: deploy/static/test.sh FOLDER" >&2; exit 2; }
tarball=$(ls "$1"/powerpi-pi_*_linux_amd64.tar.gz)
tarball=$(readlink -f "$tarball")
cd "$(dirname "$0")/../.."
# shellcheck source=deploy/packages/machine.sh
. deploy/packages/machine.sh

make_machine
mkdir "$root/root/unpacked"
tar -xzf "$tarball" -C "$root/root/unpacked" --strip-components 1
# It runs with whatever C library there is; `ldd` fails where it has nothing to say.
libraries=$(ldd "$root/root/unpacked/usr/bin/pi-publisher" 2>&1 || true)
[[ $libraries == *"statically linked"* || $libraries == *"not a dynamic executable"* ]] || fail "pi-publisher needs libraries: $libraries"
boot_machine

inside /root/unpacked/install.sh | tee "$work/said"
grep -q "sudo pi-publisher join" "$work/said" || fail "it does not say how to go on"
inside systemctl is-enabled --quiet pi-publisher || fail "the service does not start by itself"
inside id powerpi-publisher > /dev/null || fail "there is no user powerpi-publisher"
inside pi-publisher --version || fail "the program does not run"
passed "the tarball is installed"

# A meter that needs no line, and a broker that is not there: it counts, and keeps what it has counted.
cat > "$root/etc/powerpi/pi-publisher.toml" << 'X'
site = "pi"
wait_for_clock = false

[[meter]]
id = "main"
pulses_per_kwh = 1000
source = { kind = "simulated" }
X
runs() { inside systemctl show pi-publisher --property=ActiveState --value | grep -qx active; }
main_process() { inside systemctl show pi-publisher --property=MainPID --value; }
inside systemctl start pi-publisher
wait_until "the service to run" runs
before=$(main_process)
inside /root/unpacked/install.sh > /dev/null
wait_until "the service to run again" runs
[ "$(main_process)" != "$before" ] || fail "the upgrade did not start the new program"
inside grep -q 'id = "main"' /etc/powerpi/pi-publisher.toml || fail "the settings were replaced"
passed "an upgrade starts the new program and keeps the settings"
