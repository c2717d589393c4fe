#!/bin/bash
# Does what docs/GUIDE.md says, command by command, on a clean Debian 12 that runs
# its real systemd and stands for both, server and Pi: deploy/packages/guide.sh FOLDER
# As root, on amd64; FOLDER holds what `make packages` made.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(readlink -f "$1")
guide=$PWD/docs/GUIDE.md
# shellcheck source=deploy/packages/machine.sh
. deploy/packages/machine.sh

version=$(basename "$folder"/powerpi-pi_*_amd64.deb | cut -d_ -f2)
make_machine librrd8 fonts-inter fonts-dejavu-core sudo openssl sqlite3 mosquitto-clients
install -d "$root/root/server" "$root/root/pi"
echo "127.0.0.1 localhost server.lan $(hostname)" > "$root/etc/hosts"
for deb in "$folder"/powerpi-*_"$version"_amd64.deb; do dpkg-deb -x "$deb" "$work/unpacked"; done
boot_machine

# Both machines get their packages, in this version.
packages_of() {
    rm -f "$root"/root/*/*.deb
    POWERPI_VERSION=$1 deploy/packages/build.sh powerpi-server amd64 "$work/unpacked/usr/bin" "$root/root/server" >/dev/null
    POWERPI_VERSION=$1 deploy/packages/build.sh powerpi-pi amd64 "$work/unpacked/usr/bin" "$root/root/pi" >/dev/null
}
# What the guide says for a place; `# ` marks it as a comment of the guide.
commands() {
    awk -v "place=<!-- on $1 -->" '
        $0 == place { wanted = 1; next }
        wanted && $0 == "```sh" { printing = 1; next }
        printing && $0 == "```" { wanted = printing = 0; next }
        printing' "$guide"
}
# A machine without a header counts a household on paper; nobody sets its clock.
follow() {
    local place=$1 at=$2
    commands "$place" | sed -e 's/^source = .*/source = { kind = "simulated", kwh_per_year = 40000.0 }/' \
        -e 's/^site = "home"/&\nwait_for_clock = false/' > "$root/root/commands"
    [ -s "$root/root/commands" ] || fail "the guide says nothing for \"$place\""
    inside bash -xeuo pipefail -c "cd /root/$at && . /root/commands" >"$work/said" 2>&1 ||
        { cat "$work/said"; inside journalctl --no-pager -n 30; fail "what the guide says for \"$place\""; }
    passed "what the guide says for \"$place\""
}

packages_of 0.0.1
follow "the server" server
inside ss -Hltn | grep ':8080 ' >/dev/null || fail "nothing listens on port 8080"
cp "$root/root/server/ca.pem" "$root/root/server/home.password" "$root/root/pi/"
follow "the Pi" pi
minutes() { inside sqlite3 -readonly "$1" "SELECT minute, pulses, total FROM every_minute ORDER BY minute"; }
ledger=/var/lib/powerpi/recorder/ledger.sqlite
some() { [ "$(minutes $ledger 2>/dev/null | wc -l)" -ge 1 ]; }
wait_until "the first minute to be recorded" some
minutes $ledger | awk -F '|' '$3 < 12345600 { exit 1 }' || fail "the count does not go on from what the meter shows"
follow "the server, later" server
grep -q '^powerpi/home/' "$work/said" || fail "mosquitto_sub shows nothing"
wait_until "the ledger to be there after the restore" some
minutes /var/backups/powerpi-ledger.sqlite > "$work/backup"
restored() { minutes $ledger | head -n "$(wc -l < "$work/backup")" | cmp -s - "$work/backup"; }
restored || fail "the restored ledger is not the backup"
picture() { inside curl -sf http://127.0.0.1:8080/m/home/main/day.png | grep -q PNG; }
wait_until "a picture from the ledger" picture
packages_of "$version"
before=$(minutes $ledger | wc -l)
follow "the server, upgrade" server
follow "the Pi, upgrade" pi
[ "$(inside dpkg-query -W -f '${Version}' powerpi-pi)" = "$version" ] || fail "the upgrade installed something else"
more() { [ "$(minutes $ledger | wc -l)" -gt "$before" ]; }
wait_until "a minute after the upgrade" more
follow "the Pi, at last" pi
follow "the server, at last" server
! inside pgrep -f 'powerpi-|pi-publisher' >/dev/null || fail "something still runs after removing"
[ "$(inside ls /var/lib/powerpi | xargs)" = "publisher recorder" ] || fail "more, or less, than ledger and outbox is left"
passed "nothing runs, and ledger and outbox are left"
