#!/bin/bash
# Looks whether cloud-init understands what prepare-card.sh writes: deploy/raspberry-pi/test.sh
# As root, on amd64; cloud-init is Debian's, in a clean Debian.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=deploy/packages/machine.sh
. deploy/packages/machine.sh

make_machine cloud-init
card=$root/card
mkdir "$card"
touch "$card/config.txt" "$card/user-data" "$work/powerpi-pi.deb"
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB00zDXGFOhN0WXQJcr3ZmQZ1G4Jq7N3Yp3c5Yc4hyEf anna@home: "x"' > "$work/key.pub"
echo 'of the network' > "$work/wifi"
echo 'powerpi://server.lan:8883/home' | deploy/raspberry-pi/prepare-card.sh --boot "$card" --package "$work/powerpi-pi.deb" \
    --pin 11 --pulses-per-kwh 1000 --user anna --key "$work/key.pub" \
    --wifi "Our house" --wifi-password-file "$work/wifi" --country DE
chroot "$root" cloud-init schema --config-file /card/user-data || fail "cloud-init does not understand user-data"
passed "cloud-init understands user-data"
# What it would write, as it reads it.
chroot "$root" python3 - << 'END' || fail "what cloud-init would write is not what the Pi needs"
import subprocess, yaml
data = yaml.safe_load(open("/card/user-data"))
script = data["write_files"][0]["content"]
subprocess.run(["sh", "-n"], input=script, text=True, check=True)
assert data["write_files"][0]["path"] in data["runcmd"][-1] and "< \"$card/powerpi-invitation\"" in script
assert data["users"][0]["ssh_authorized_keys"] == ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB00zDXGFOhN0WXQJcr3ZmQZ1G4Jq7N3Yp3c5Yc4hyEf"]
wlan = yaml.safe_load(open("/card/network-config"))["network"]["wifis"]["wlan0"]
assert wlan["access-points"] == {"Our house": {"password": "of the network"}}, wlan
END
passed "the card has what the Pi needs"
