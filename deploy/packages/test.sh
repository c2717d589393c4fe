#!/bin/bash
# Looks the packages over, installs them in a clean Debian 12 that runs its real
# systemd, and looks whether they do what they should: deploy/packages/test.sh FOLDER
# As root, on amd64; FOLDER holds what `make packages` made.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(readlink -f "$1")
# shellcheck source=deploy/packages/machine.sh
. deploy/packages/machine.sh

version=$(basename "$folder"/powerpi-pi_*_amd64.deb | cut -d_ -f2)
debs=("/debs/powerpi-server_${version}_amd64.deb" "/debs/powerpi-pi_${version}_amd64.deb")

lintian --allow-root --fail-on error --tag-display-limit 0 "$folder"/powerpi-*_"$version"_*.deb ||
    fail "lintian finds errors"
passed "lintian finds no error"

# sqlite3 and mosquitto_sub are for looking.
make_machine librrd8 fonts-dejavu-core sqlite3 mosquitto-clients
install -d "$root/debs"
cp "$folder"/powerpi-{pi,server}_"$version"_amd64.deb "$root/debs/"
# The same programs, packed under a lower number, to upgrade from.
for deb in "$root"/debs/*.deb; do dpkg-deb -x "$deb" "$work/unpacked"; done
for package in powerpi-pi powerpi-server; do
    POWERPI_VERSION=0.0.1 deploy/packages/build.sh "$package" amd64 "$work/unpacked/usr/bin" "$root/debs" >/dev/null
done
boot_machine

install_packages() { inside dpkg -i "$@" >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; fail "dpkg -i $*"; }; }
server="powerpi-broker powerpi-recorder powerpi-web"
all="pi-publisher $server powerpi-alarms"
ledger=/var/lib/powerpi/recorder/ledger.sqlite

install_packages /debs/powerpi-server_0.0.1_amd64.deb /debs/powerpi-pi_0.0.1_amd64.deb
for unit in $server; do wait_until "$unit to run" inside systemctl is-active "$unit"; done
[ "$(inside systemctl is-enabled pi-publisher)" = enabled ] || fail "pi-publisher is not enabled"
! inside systemctl is-active --quiet pi-publisher || fail "pi-publisher started before anybody described the meters"
! inside systemctl is-enabled --quiet powerpi-alarms || fail "powerpi-alarms is enabled before anybody wants alarms"
passed "installed; the server's programs say that they are ready, each in its sandbox"

for group in gpio dialout; do
    inside id -nG powerpi-publisher | grep -w "$group" >/dev/null || fail "powerpi-publisher is not in the group $group"
done
publisher() { inside setpriv --reuid powerpi-publisher --regid powerpi-publisher --init-groups "$@"; }
! publisher pi-publisher check --seconds 1 >"$work/check" 2>&1 || fail "pi-publisher check sees a line where none is"
grep -q 'this machine has no GPIO chip' "$work/check" || { cat "$work/check"; fail "pi-publisher check does not say why"; }
inside systemctl start pi-publisher 2>/dev/null || true
no_chip() { inside journalctl --unit pi-publisher --output cat | grep 'this machine has no GPIO chip'; }
wait_until "pi-publisher to say that there is no GPIO chip" no_chip
inside systemctl stop pi-publisher
passed "without a GPIO chip, check and log say so"

# A household on paper, whose clock nobody sets, since six hours ago.
inside bash -c 'since=$(date --utc --date="6 hours ago" +%Y-%m-%dT%H:%M:00Z)
    sed -i -e "s/^wait_for_clock.*/wait_for_clock = false/" \
    -e "s/^source = .*/source = { kind = \"simulated\", kwh_per_year = 40000.0, from = \"$since\" }/" /etc/powerpi/pi-publisher.toml
    printf "[[alarm]]\nname = \"any\"\nmeter = \"home/main\"\nabove_w = 1\n" >> /etc/powerpi/powerpi-alarms.toml
    systemctl start pi-publisher && systemctl enable --quiet --now powerpi-alarms'
recorded() { inside sqlite3 -readonly "$ledger" "SELECT minute, pulses, total FROM every_minute ORDER BY minute" 2>/dev/null; }
hours() { [ "$(recorded | wc -l)" -ge 359 ]; }
wait_until "six hours to be recorded" hours
page() { inside curl -sf http://127.0.0.1:8080/ | grep 'Main meter'; }
wait_until "the page to show the meter" page
raised() { inside mosquitto_sub -h 127.0.0.1 -t powerpi/home/alarm/any/state -C 1 -W 2 | grep '"raised"'; }
wait_until "the alarm to be raised" raised
passed "from simulated pulses to the page, and to an alarm"

process() { inside systemctl show -p MainPID --value "$1"; }
for unit in $all; do
    user=$(inside systemctl show -p User --value "$unit")
    [ "$(inside stat -c %U "/proc/$(process "$unit")")" = "$user" ] && [ "$user" != root ] || fail "$unit runs as $user"
done
for unit in $all; do
    was=$(process "$unit")
    inside systemctl reload "$unit" || fail "$unit cannot be reloaded"
    [ "$(process "$unit")" = "$was" ] || fail "a reload has restarted $unit"
done
unchanged() { inside journalctl --unit "$1" --output cat | grep 'SIGHUP: the settings are as they were'; }
for unit in pi-publisher powerpi-recorder; do wait_until "$unit to say what a restart would change" unchanged "$unit"; done
unset was
passed "every program is reloaded and runs on"

as() { local user=$1; shift; inside setpriv --reuid "$user" --regid "$user" --init-groups "$@"; }
for user in powerpi-web powerpi-alarms; do
    as $user head -c 16 $ledger | grep SQLite >/dev/null || fail "$user cannot read the ledger"
    ! as $user touch /var/lib/powerpi/recorder/x 2>/dev/null || fail "$user can write beside the ledger"
    ! as $user test -w $ledger || fail "$user can write the ledger"
    as $user ls /var/lib/powerpi/settings >/dev/null || fail "$user cannot read the site's settings"
    ! as $user ls /var/lib/powerpi/broker 2>/dev/null || fail "$user can read the broker's store"
done
as powerpi-web touch /var/lib/powerpi/settings/x && inside rm /var/lib/powerpi/settings/x || fail "powerpi-web cannot save settings"
! as powerpi-alarms touch /var/lib/powerpi/settings/x 2>/dev/null || fail "powerpi-alarms can save settings"
passed "each program has its own user; pages and alarms read the ledger and write nothing there"

# Nobody answers there; before that it has read its settings, its token and the ledger.
! inside systemctl is-enabled --quiet powerpi-home-assistant.timer || fail "powerpi-home-assistant.timer is enabled before anybody wants it"
inside bash -c 'sed -i "s|^# url = .*|url = \"http://127.0.0.1:8123\"|" /etc/powerpi/powerpi-home-assistant.toml
    mkdir -p /etc/credstore && (umask 077 && echo token > /etc/credstore/powerpi-home-assistant.token)'
! inside systemctl start powerpi-home-assistant 2>/dev/null || fail "powerpi-home-assistant found somebody where nobody is"
inside journalctl --unit powerpi-home-assistant --output cat | grep "connecting to 127.0.0.1:8123" >/dev/null ||
    { inside journalctl --unit powerpi-home-assistant --output cat; fail "powerpi-home-assistant cannot read what it needs"; }
inside rm /etc/credstore/powerpi-home-assistant.token
passed "powerpi home-assistant reads ledger and token in its sandbox"

recorded > "$work/before"
declare -A was
for unit in $all; do was[$unit]=$(process "$unit"); done
install_packages "${debs[@]}"
for unit in $all; do
    wait_until "$unit to run after the upgrade" inside systemctl is-active "$unit"
    [ "$(process "$unit")" != "${was[$unit]}" ] || fail "$unit was not restarted"
    ! inside readlink "/proc/$(process "$unit")/exe" | grep deleted || fail "$unit is still the old program"
done
inside grep -q simulated /etc/powerpi/pi-publisher.toml || fail "the upgrade changed the settings"
more() { [ "$(recorded | wc -l)" -gt "$(wc -l < "$work/before")" ]; }
wait_until "a minute more" more
recorded > "$work/after"
head -n "$(wc -l < "$work/before")" "$work/after" | cmp - "$work/before" || fail "the upgrade changed recorded minutes"
# Each minute's total is the one before and its own pulses: none was lost, none twice.
awk 'BEGIN { FS = "|" } NR > 1 && ($1 != minute + 1 || $3 != total + $2) { print; wrong = 1 } { minute = $1; total = $3 }
    END { exit wrong }' "$work/after" || fail "minutes or pulses are missing after the upgrade"
wait_until "the alarm to be there after the upgrade" raised
passed "upgraded: every service restarted, settings kept, no minute and no pulse missing"

# What somebody has made there, and switched on.
inside powerpi invite --address 127.0.0.1 garden >/dev/null 2>&1 || fail "powerpi invite"
is_user() { inside grep -F powerpi.pairing /etc/powerpi/users.toml; }
wait_until "powerpi-pairing to be a user of the broker" is_user
begin=$SECONDS
inside systemctl stop powerpi-pairing
[ $((SECONDS - begin)) -lt 14 ] || fail "powerpi-pairing waits for the broker, which waits for it"
inside systemctl enable --quiet --now powerpi-backup.timer
inside dpkg --remove powerpi-pi powerpi-server >/dev/null 2>&1 || fail "dpkg --remove"
inside test -s $ledger || fail "removing took the ledger along"
inside test -e /etc/powerpi/powerpi-web.toml || fail "removing took the settings along"
! inside pgrep -f 'powerpi-|pi-publisher' >/dev/null || fail "something still runs after removing"
[ -z "$(inside systemctl list-timers --no-legend 'powerpi-*')" ] || fail "a timer still runs after removing"
inside dpkg --purge powerpi-pi powerpi-server >"$work/purge" 2>&1 || fail "dpkg --purge"
grep -q 'rm -r /var/lib/powerpi/recorder' "$work/purge" && grep -q 'rm -r /var/lib/powerpi/publisher' "$work/purge" ||
    { cat "$work/purge"; fail "purging does not say what stays"; }
remains() { inside find / -xdev \( -name '*powerpi*' -o -name 'pi-publisher*' \) -not -path '/debs/*' -not -path '/proc/*' -not -path '/var/lib/powerpi' -not -path '/etc/powerpi'; }
[ -z "$(remains)" ] || fail "purging left behind: $(remains)"
[ "$(inside ls /etc/powerpi | xargs)" = "tls users.toml" ] || fail "more than what powerpi invite has made is left in /etc/powerpi"
[ -z "$(inside find /etc/powerpi -nogroup)" ] || fail "what is left in /etc/powerpi belongs to a group that is no more"
[ "$(inside ls /var/lib/powerpi | xargs)" = "publisher recorder" ] || fail "more than ledger and outbox is left"
! inside getent passwd powerpi-web powerpi-broker powerpi-alarms || fail "purging left users behind"
passed "removed with data and settings kept; purged, and only ledger and outbox stay"

install_packages "${debs[@]}"
wait_until "powerpi-recorder to run again" inside systemctl is-active powerpi-recorder
recorded | head -n "$(wc -l < "$work/after")" | cmp - "$work/after" || fail "a new installation does not find the ledger"
wait_until "the page to show the meter again" page
inside powerpi invite --address 127.0.0.1 garden --replace >/dev/null 2>&1 || fail "powerpi invite after a new installation"
as powerpi-broker test -r /etc/powerpi/tls/own-broker.key -a -r /etc/powerpi/users.toml || fail "the broker cannot read its key and users"
passed "installed again, everything that was recorded is there"

# What the purge said, done.
inside bash -c 'dpkg --purge powerpi-pi powerpi-server >/dev/null 2>&1
    rm -r /var/lib/powerpi /etc/powerpi && userdel powerpi-recorder && userdel powerpi-publisher'
[ -z "$(remains)" ] && ! inside test -e /var/lib/powerpi && ! inside grep powerpi /etc/passwd /etc/group || fail "something remains: $(remains)"
passed "nothing remains where nobody wants the data"
