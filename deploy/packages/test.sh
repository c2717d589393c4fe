#!/bin/bash
# Installs the packages in a clean Debian 12, starts it with its real systemd,
# and looks whether they do what they should: deploy/packages/test.sh FOLDER
# As root, on amd64; FOLDER holds what `make packages` made. Debian 12 is fetched
# once, into .cache/roots.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(readlink -f "$1")
cache=$PWD/.cache/roots
clean=$cache/debian12
root=$cache/under-test
mkdir -p "$cache"
if [ ! -e "$clean/made" ]; then
    rm -rf "$clean"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,udev,dbus,ca-certificates,curl,iproute2,procps bookworm "$clean" >/dev/null
    touch "$clean/made"
fi
rm -rf "$root"
cp -a "$clean" "$root"

fail() { echo "FAILED: $*" >&2; exit 1; }
passed() { echo "ok: $*"; }

newer=$(mktemp -d)
machine=
stop() {
    [ -z "$machine" ] || { kill "$machine" 2>/dev/null || true; wait "$machine" 2>/dev/null || true; }
    rm -rf "$newer" "$root"
}
trap stop EXIT

version=$(basename "$folder"/powerpi-pi_*_amd64.deb | cut -d_ -f2)
install -d "$root/debs"
cp "$folder"/powerpi-{pi,server}_"$version"_amd64.deb "$root/debs/"
programs=$newer/programs
install -d "$programs"
for deb in "$root"/debs/*.deb; do dpkg-deb -x "$deb" "$newer/x"; done
cp "$newer"/x/usr/bin/* "$programs/"
for package in powerpi-pi powerpi-server; do
    POWERPI_VERSION=99 deploy/packages/build.sh "$package" amd64 "$programs" "$root/debs" >/dev/null
done

# Dependencies come from Debian; in a running machine without network the rest follows.
cp -L /etc/resolv.conf "$root/etc/"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
chroot "$root" env DEBIAN_FRONTEND=noninteractive bash -euc '
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends librrd8 fonts-dejavu-core >/dev/null' 2>/dev/null
rm "$root/usr/sbin/policy-rc.d"

systemd-nspawn --quiet --directory="$root" --boot --register=no --keep-unit --private-network \
    --console=pipe </dev/null >"$newer/console" 2>&1 &
machine=$!
leader=
inside() { nsenter --target "$leader" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
wait_until() {
    local what=$1 begin=$SECONDS
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((SECONDS - begin)) -lt 120 ] || { inside journalctl --no-pager -n 40 || true; fail "waited for: $what"; }
        sleep 0.5
    done
}
booted() {
    leader=$(pgrep -P "$machine" | head -1)
    [ -n "$leader" ] && inside systemctl is-system-running | grep -qE 'running|degraded'
}
wait_until "Debian 12 to be up" booted
inside ip link set lo up 2>/dev/null || true

inside dpkg -i "/debs/powerpi-server_${version}_amd64.deb" "/debs/powerpi-pi_${version}_amd64.deb" >"$newer/install" 2>&1 ||
    { cat "$newer/install"; fail "dpkg -i"; }
for unit in powerpi-broker powerpi-recorder powerpi-web; do
    wait_until "$unit to run" inside systemctl is-active "$unit"
done
[ "$(inside systemctl is-enabled pi-publisher)" = enabled ] || fail "pi-publisher is not enabled"
! inside systemctl is-active --quiet pi-publisher || fail "pi-publisher started before anybody described the meters"
passed "installed; the server's programs say that they are ready, each in its sandbox"

# A household on paper, whose clock nobody sets.
inside bash -c 'sed -i -e "s/^wait_for_clock.*/wait_for_clock = false/" \
    -e "s/^source = .*/source = { kind = \"simulated\", seed = 1, kwh_per_year = 3500.0 }/" /etc/powerpi/pi-publisher.toml
    systemctl start pi-publisher'
recorded() { inside curl -sf http://127.0.0.1:8080/api/v1/meters | grep -q '"meter":"main"'; }
wait_until "the meter to be recorded" recorded
inside curl -sf http://127.0.0.1:8080/ | grep 'Main meter' >/dev/null || fail "the page does not show the meter"
passed "from simulated pulses to the page"

for unit in pi-publisher powerpi-broker powerpi-recorder powerpi-web; do
    user=$(inside systemctl show -p User --value "$unit")
    pid=$(inside systemctl show -p MainPID --value "$unit")
    [ "$(inside stat -c %U "/proc/$pid")" = "$user" ] && [ "$user" != root ] || fail "$unit runs as $user"
done
web() { inside setpriv --reuid powerpi-web --regid powerpi-web --init-groups "$@"; }
web head -c 16 /var/lib/powerpi/recorder/ledger.sqlite | grep -q SQLite || fail "powerpi-web cannot read the ledger"
! web touch /var/lib/powerpi/recorder/x 2>/dev/null || fail "powerpi-web can write beside the ledger"
! web test -w /var/lib/powerpi/recorder/ledger.sqlite || fail "powerpi-web can write the ledger"
! web ls /var/lib/powerpi/broker 2>/dev/null || fail "powerpi-web can read the broker's store"
passed "each program has its own user; the pages' reads the ledger and writes nothing"

inside dpkg -i /debs/powerpi-server_99_amd64.deb /debs/powerpi-pi_99_amd64.deb >"$newer/upgrade" 2>&1 ||
    { cat "$newer/upgrade"; fail "upgrade"; }
wait_until "the meter to be there after the upgrade" recorded
inside grep -q simulated /etc/powerpi/pi-publisher.toml || fail "the upgrade changed the settings"
wait_until "pi-publisher to run after the upgrade" inside systemctl is-active pi-publisher
passed "upgraded; data and settings kept"

inside dpkg --remove powerpi-pi powerpi-server >/dev/null 2>&1 || fail "dpkg --remove"
inside test -s /var/lib/powerpi/recorder/ledger.sqlite || fail "removing took the ledger along"
inside test -e /etc/powerpi/powerpi-web.toml || fail "removing took the settings along"
! inside pgrep -f powerpi- >/dev/null || fail "something still runs after removing"
inside dpkg --purge powerpi-pi powerpi-server >/dev/null 2>&1 || fail "dpkg --purge"
remains=$(inside find / -xdev \( -name '*powerpi*' -o -name 'pi-publisher*' \) -not -path '/debs/*' -not -path '/proc/*')
[ -z "$remains" ] || fail "purging left behind: $remains"
! inside getent passwd powerpi-web powerpi-broker powerpi-recorder powerpi-publisher || fail "purging left users behind"
passed "removed with data kept, purged without remains"
