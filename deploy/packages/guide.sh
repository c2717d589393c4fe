#!/bin/bash
# Does what docs/GUIDE.md says, command by command, on clean Debians 12 that run their
# real systemd: a server, a Pi at the other end of a cable, and later a new server.
#   deploy/packages/guide.sh FOLDER
# Counts the commands to the first picture, then lets 20 more Pis in at once, revokes
# one, renews the certificate, and restores the server on another machine.
# As root, on amd64; FOLDER holds what `make packages` made.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(readlink -f "$1")
guide=$PWD/docs/GUIDE.md
# shellcheck source=deploy/packages/machine.sh
. deploy/packages/machine.sh

MOST_COMMANDS=8
PIS=20
password="of anna"
version=$(basename "$folder"/powerpi-pi_*_amd64.deb | cut -d_ -f2)
for deb in "$folder"/powerpi-*_"$version"_amd64.deb; do dpkg-deb -x "$deb" "$work/unpacked"; done

# Each machine gets its package, in this version.
package_of() { # MACHINE PACKAGE VERSION
    rm -f "$(root_of "$1")"/root/*.deb
    POWERPI_VERSION=$3 deploy/packages/build.sh "$2" amd64 "$work/unpacked/usr/bin" "$(root_of "$1")/root" >/dev/null
}
boot() { # MACHINE PACKAGE VERSION DEBIAN'S-PACKAGES
    local MACHINE=$1 package=$2 number=$3
    shift 3
    make_machine sudo "$@"
    printf '127.0.0.1 localhost\n10.77.0.1 server.lan server successor\n10.77.0.2 pi\n' > "$root/etc/hosts"
    package_of "$MACHINE" "$package" "$number"
    boot_machine
}

# What the guide says for a place.
commands() {
    awk -v "place=<!-- on $1 -->" '
        $0 == place { wanted = 1; next }
        wanted && $0 == "```sh" { printing = 1; next }
        printing && $0 == "```" { wanted = printing = 0; next }
        printing' "$guide"
}
# Types it into a machine, as somebody at a terminal does, with the answers that are asked for.
typed=0
follow() { # PLACE MACHINE
    local place=$1 machine=$2 command answers
    commands "$place" > "$work/commands"
    [ -s "$work/commands" ] || fail "the guide says nothing for \"$place\""
    while IFS= read -r command <&3; do
        typed=$((typed + 1))
        case $command in
        *"powerpi open-pages"*) answers="$password"$'\n'"$password"$'\n' ;;
        *"pi-publisher join"*) answers="$line"$'\n'; a_household_on_paper ;;
        *) answers= ;;
        esac
        on "$machine" script --quiet --return --command "cd /root && $command" /dev/null \
            > "$work/said" 2>&1 < <(printf '%s' "$answers") ||
            { cat "$work/said"; on "$machine" journalctl --no-pager -n 30; fail "what the guide says for \"$place\": $command"; }
        case $command in
        *"powerpi invite"*) line=$(tr -d '\r' < "$work/said" | grep -o '^powerpi://[^ ]*') ;;
        esac
    done 3< "$work/commands"
    passed "what the guide says for \"$place\""
}
# This machine has no header, and nobody sets its clock.
a_household_on_paper() {
    sed -i -e 's/^wait_for_clock.*/wait_for_clock = false/' \
        -e 's/^source = .*/source = { kind = "simulated", kwh_per_year = 40000.0 }/' "$(root_of pi)/etc/powerpi/pi-publisher.toml"
}
minutes() { # MACHINE SITE
    on "$1" sqlite3 -readonly /var/lib/powerpi/recorder/ledger.sqlite \
        "SELECT minute, pulses, total FROM every_minute, meter WHERE meter.id = every_minute.meter AND site = '$2' ORDER BY minute"
}
has_more() { [ "$(minutes "$1" "$2" | wc -l)" -gt "$3" ]; }

boot server powerpi-server 0.0.1 librrd8 fonts-inter fonts-dejavu-core sqlite3 mosquitto-clients
boot pi powerpi-pi 0.0.1
connect server 10.77.0.1 pi 10.77.0.2

follow "the server" server
page() { on pi curl -sf --user "anna:$password" "http://server.lan:8080$1"; }
page / | grep -F "$line" >/dev/null || fail "the first page does not show the invitation to its admin"
[ "$(on pi curl -s -o /dev/null -w '%{http_code}' http://server.lan:8080/)" = 401 ] || fail "strangers see the pages"
passed "the first page shows the invitation to its admin, and nothing to strangers"
follow "the Pi" pi
grep -q 'recorded the first minute of home/main' "$work/said" || { cat "$work/said"; fail "join does not say that a minute was recorded"; }
picture() { page /m/home/main/day.png > "$work/picture" && head -c 8 "$work/picture" | grep -a PNG; }
MACHINE=server wait_until "the first picture" picture
[ "$typed" -le "$MOST_COMMANDS" ] || fail "$typed commands to the first picture, more than $MOST_COMMANDS"
passed "from nothing to the first picture with $typed commands"
on server journalctl --unit powerpi-pairing --output cat > "$work/pairing"
grep -q 'home has joined' "$work/pairing" && ! grep -q 'did not work' "$work/pairing" ||
    { cat "$work/pairing"; fail "powerpi-pairing could not tell the broker"; }
page / | grep 'data-meter="home/main"' >/dev/null || fail "the first page has not become the meter's"
passed "the sandboxed services have paired it, and the first page is the meter's"

# All at once, each as a service of its own on the one machine.
pis=$(root_of pi)/root/pis
mkdir "$pis"
from=$(date --utc --date='10 minutes ago' +%Y-%m-%dT%H:%M:00Z)
for n in $(seq -w 1 $PIS); do
    mkdir "$pis/$n"
    on server powerpi invite "house-$n" 2>/dev/null > "$pis/$n/line"
    printf 'site = "nobody"\nstate_dir = "/root/pis/%s"\nruntime_dir = "/root/pis/%s/run"\nwait_for_clock = false\n[[meter]]\nid = "main"\npulses_per_kwh = 1000\nsource = { kind = "simulated", seed = %d, kwh_per_year = 40000.0, from = "%s" }\n' \
        "$n" "$n" "$((10#$n))" "$from" > "$pis/$n/pi-publisher.toml"
done
printf '#!/bin/sh\n[ "$1" != restart ] || exec systemd-run --quiet --unit "pi-$(basename "$PWD")" --property Restart=always pi-publisher --config "$PWD/pi-publisher.toml"\n' > "$pis/control"
chmod +x "$pis/control"
on pi bash -c 'for folder in /root/pis/*/; do
    (cd "$folder" && pi-publisher --config pi-publisher.toml join --look 0 --wait 180 --control ../control < line > said 2>&1
     echo $? > code) & done; wait'
for n in $(seq -w 1 $PIS); do
    [ "$(cat "$pis/$n/code")" = 0 ] || { cat "$pis/$n/said"; on server journalctl --no-pager -n 30; fail "house-$n did not join"; }
done
[ "$(on server powerpi sites | grep -c paired)" = $((PIS + 1)) ] || fail "powerpi sites: $(on server powerpi sites)"
passed "$PIS Pis joined at once, and the server has a minute of each"

on server powerpi revoke house-07 >/dev/null
is_out() { on pi journalctl --unit pi-07 --output cat | grep 'BadUserNamePassword'; }
MACHINE=pi wait_until "the revoked Pi to be let in no longer" is_out
passed "a revoked Pi is let in no longer"

# A certificate that ends in ten days, of the server's own CA.
tls=$(root_of server)/etc/powerpi/tls
openssl req -new -key "$tls/own-broker.key" -subj "/CN=PowerPi broker" -out "$work/csr" 2>/dev/null
openssl x509 -req -in "$work/csr" -CA "$tls/own-ca.pem" -CAkey "$tls/own-ca.key" -days 10 \
    -extfile <(echo "subjectAltName=DNS:server,IP:10.77.0.1") -out "$work/pem" 2>/dev/null
cat "$work/pem" "$tls/own-ca.pem" > "$tls/own-broker.pem"
on server systemctl reload powerpi-broker
shown() { openssl s_client -connect 127.0.0.1:8883 </dev/null 2>/dev/null | openssl x509 -noout -checkend 8640000; }
at_the_server() { nsenter --target "${leaders[server]}" --net bash -c "$(declare -f shown); shown"; }
! at_the_server >/dev/null || fail "the broker does not show the certificate that ends soon"
on server systemctl start powerpi-certificate.service || { on server journalctl --no-pager -u powerpi-certificate; fail "powerpi-certificate.service"; }
at_the_server >/dev/null || fail "the broker does not show a renewed certificate"
[ "$(on server stat -c '%G %a' /etc/powerpi/tls/own-broker.key)" = "powerpi-broker 640" ] || fail "the key is not the broker's any more"
passed "the certificate was renewed in time, from its sandbox"

follow "the server, later" server
minutes server home > "$work/home"
recorded=$(wc -l < "$work/home")
backup=$(ls "$(root_of server)"/var/backups/powerpi/*.tar.gz | tail -n 1)
boot successor powerpi-server 0.0.1 librrd8 fonts-inter fonts-dejavu-core sqlite3 mosquitto-clients
install -D "$backup" "$(root_of successor)/var/backups/powerpi/$(basename "$backup")"
stop_machine server
connect successor 10.77.0.1 pi 10.77.0.2
follow "the new server" successor
MACHINE=successor wait_until "minutes after the restore" has_more successor home "$recorded"
for n in $(seq -w 1 $PIS); do
    [ "$n" = 07 ] || MACHINE=successor wait_until "house-$n to be back" has_more successor "house-$n" 10
done
! on successor powerpi sites | grep house-07 || fail "the restore lets the revoked Pi in"
minutes successor home | head -n "$recorded" | cmp - "$work/home" || fail "the restored ledger is not the backup"
# Each minute's total is the one before and its own pulses: none was lost, none twice.
for site in home $(seq -f 'house-%02g' 1 $PIS); do
    minutes successor "$site" | awk 'BEGIN { FS = "|" }
        NR > 1 && ($1 != minute + 1 || $3 != total + $2) { print; wrong = 1 } { minute = $1; total = $3 } END { exit wrong }' ||
        fail "minutes or pulses of $site are missing after the restore"
done
passed "the server was restored on another machine, all Pis are back, and no pulse is missing"

package_of successor powerpi-server "$version"
package_of pi powerpi-pi "$version"
before=$(minutes successor home | wc -l)
follow "the server, upgrade" successor
follow "the Pi, upgrade" pi
[ "$(on pi dpkg-query -W -f '${Version}' powerpi-pi)" = "$version" ] || fail "the upgrade installed something else"
MACHINE=successor wait_until "a minute after the upgrade" has_more successor home $((before + 1))
on pi bash -c 'systemctl stop "pi-*.service"; rm -r /root/pis'
follow "the Pi, at last" pi
follow "the server, at last" successor
for machine in pi successor; do
    ! on "$machine" pgrep -f 'powerpi-|pi-publisher' >/dev/null || fail "something still runs after removing"
done
[ "$(on successor ls /var/lib/powerpi | xargs)" = recorder ] && [ "$(on pi ls /var/lib/powerpi | xargs)" = publisher ] ||
    fail "more, or less, than ledger and outbox is left"
passed "nothing runs, and ledger and outbox are left"
