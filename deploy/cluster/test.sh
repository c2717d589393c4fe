#!/bin/bash
# Follows docs/CLUSTER.md, command by command, on three machines and a Pi: each is a root of its own (this machine's system and
# whatever it writes itself) in a network of its own. As root:
#   deploy/cluster/test.sh FOLDER-OF-PROGRAMS
# systemd does not run there; stand-ins start what a unit says, as its user.
set -euo pipefail
cd "$(dirname "$0")/../.."
programs=$(realpath "${1:-target/release}")
[ -n "${OWN_MOUNTS:-}" ] || exec env OWN_MOUNTS=1 unshare --mount "$0" "$programs"

folder=$(mktemp -d)
mount -t tmpfs none "$folder"
declare -A address=([one]=1 [two]=2 [three]=3 [pi]=4)
machines="one two three pi"
name() { echo "ppc$$-$1"; }

cleanup() {
    for machine in $machines; do
        ip netns pids "$(name "$machine")" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
        ip netns delete "$(name "$machine")" 2>/dev/null || true
    done
    ip link delete "ppc$$" 2>/dev/null || true
    # PostgreSQL's segments are gone with its processes; so is the rest with this mount namespace.
    umount -l "$folder" && rmdir "$folder"
}
trap cleanup EXIT

# A machine: its root and its network.
make_machine() {
    local machine=$1 of=$folder/$1 at=$folder/$1/root link
    mkdir -p "$of"/{upper,work,root}
    mount -t overlay overlay -o "lowerdir=/,upperdir=$of/upper,workdir=$of/work" "$at"
    for own in tmp run; do mount -t tmpfs none "$at/$own"; done
    mkdir -p "$at"/{tmp,run/postgresql,run/lock}
    chmod 1777 "$at/tmp"
    for shared in dev sys; do mount --rbind "/$shared" "$at/$shared"; done
    rm -rf "$at/etc/powerpi" "$at/var/lib/powerpi" "$at/var/lib/postgresql/15" "$at/etc/postgresql/15"
    mkdir -p "$at/etc/powerpi" "$at/root/deploy" "$at/opt/programs" "$at/opt/machines" "$folder/etc-$machine"
    # Where others can put files, too.
    mount --bind "$folder/etc-$machine" "$at/etc/powerpi"
    mount --bind "$programs" "$at/opt/programs"
    mount --bind "$folder" "$at/opt/machines"
    for program in pi-publisher powerpi powerpi-broker powerpi-recorder powerpi-web powerpi-alarms; do
        ln -sf "/opt/programs/$program" "$at/usr/bin/$program"
    done
    cp -r deploy/cluster "$at/root/deploy/"
    cp deploy/systemd/powerpi-server.sysusers "$at/root/deploy/powerpi-server.conf"
    cp deploy/systemd/powerpi-server.tmpfiles "$at/root/deploy/"
    install -m 755 deploy/cluster/stand-ins/* "$at/usr/local/bin/"
    cp deploy/systemd/*.service "$at/lib/systemd/system/"
    printf '127.0.0.1 localhost\n10.77.0.1 one.lan\n10.77.0.2 two.lan\n10.77.0.3 three.lan power.example.org\n' > "$at/etc/hosts"
    ip netns add "$(name "$machine")"
    link="p$$${address[$machine]}"
    ip link add "$link" type veth peer name eth0 netns "$(name "$machine")"
    ip link set "$link" master "ppc$$" up
    ip -n "$(name "$machine")" addr add "10.77.0.${address[$machine]}/24" dev eth0
    ip -n "$(name "$machine")" link set eth0 up
    ip -n "$(name "$machine")" link set lo up
    # Caddy gets the right to its ports from its unit.
    ip netns exec "$(name "$machine")" sysctl -q -w net.ipv4.ip_unprivileged_port_start=0
}

# on MACHINE: runs commands from its standard input there, as root in root's home.
on() {
    ip netns exec "$(name "$1")" unshare --uts bash -c 'hostname "$1" && exec chroot "$2" /usr/bin/env -i HOME=/root TERM=dumb \
        PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin bash -euo pipefail -c "mount -t proc none /proc 2>/dev/null; cd; source /dev/stdin"' \
        bash "$1" "$folder/$1/root"
}

# blocks WHERE: the commands that the guide has for there, in order, one block after another, each ended by a NUL.
blocks() {
    awk '/^<!-- on .* -->$/ { where = $0 } /^```sh$/ && where { inside = 1; printf "%s\n", where; next }
         /^```$/ && inside { inside = 0; where = ""; printf "%c", 0; next } inside' docs/CLUSTER.md
}

wait_until() {
    local what=$1
    shift
    for _ in $(seq 120); do
        "$@" > /dev/null 2>&1 && return 0
        sleep 0.5
    done
    echo "waited a minute until $what" >&2
    for machine in $machines; do tail -n 5 "$folder/$machine/root/run/"*.log >&2 || true; done
    exit 1
}

recorded() { # MACHINE: how many minutes its database has
    on "$1" <<< 'sudo -u postgres psql -At powerpi -c "SELECT count(*) FROM every_minute"'
}
more_than() { [ "$(recorded "$1")" -gt "$2" ]; }

ip link add "ppc$$" type bridge
ip link set "ppc$$" up
for machine in $machines; do make_machine "$machine"; done
for machine in one two three; do
    # What the package brings along.
    on "$machine" <<< 'systemd-sysusers /root/deploy/powerpi-server.conf; systemd-tmpfiles --create /root/deploy/powerpi-server.tmpfiles'
done

run=0
failover=
while IFS= read -r -d '' block; do
    where=$(head -n 1 <<< "$block" | sed -E 's/^<!-- on (.*) -->$/\1/')
    commands=$(tail -n +2 <<< "$block")
    if [[ $where == *"has failed"* ]]; then
        failover=$commands
        continue
    fi
    for machine in $where; do
        echo "--- on $machine"
        sed 's/^/    /' <<< "$commands"
        on "$machine" <<< "$commands" || { echo "failed on $machine" >&2; tail -n 20 "$folder/$machine/root/run/"*.log >&2; exit 1; }
    done
    run=$((run + 1))
done < <(blocks)
[ "$run" -ge 10 ] || { echo "only $run blocks of commands were found" >&2; exit 1; }

# A Pi with a simulated household.
install -D -m 644 "$folder/one/root/etc/powerpi/cluster/ca.pem" "$folder/pi/root/etc/powerpi/ca.pem"
install -m 600 "$folder/one/root/etc/powerpi/cluster/passwords/home" "$folder/pi/root/etc/powerpi/password"
on pi << 'PI'
cat > /etc/powerpi/pi-publisher.toml << TOML
site = "home"
state_dir = "/var/lib/powerpi/pi"
runtime_dir = "/run/pi"
[mqtt]
hosts = ["three.lan", "two.lan", "one.lan"]
keep_alive_s = 5
tls = true
ca_file = "/etc/powerpi/ca.pem"
user = "home"
password_file = "/etc/powerpi/password"
[[meter]]
id = "main"
pulses_per_kwh = 1000
[meter.source]
kind = "simulated"
seed = 5
from = "$(date -u -d '10 days ago' +%Y-%m-%dT%H:%M:00Z)"
speed = 300
TOML
mkdir -p /var/lib/powerpi/pi /run/pi
setsid pi-publisher > /run/pi-publisher.log 2>&1 < /dev/null &
PI

wait_until "minutes are recorded" more_than one 20
on three <<< 'for _ in $(seq 60); do curl -sf --cacert /etc/powerpi/cluster/ca.pem https://power.example.org/api/v1/meters | grep -q home/main && exit; sleep 0.5; done; exit 1'
echo "minutes are recorded, and the pages have them: $(recorded one)"

# Each failure of the guide's table: a node, a recorder, and the machine with the database.
on three <<< 'systemctl kill nats-server'
before=$(recorded one)
wait_until "minutes are recorded without a node" more_than one $((before + 30))
on three <<< 'systemctl start nats-server'
on one <<< 'systemctl kill powerpi-recorder'
before=$(recorded one)
wait_until "minutes are recorded by the other recorder" more_than one $((before + 30))
# Some of them end by themselves meanwhile.
ip netns pids "$(name one)" | xargs kill -9 2>/dev/null || true
before=$(recorded two)
on two <<< "$failover"
on two <<< "sudo -u postgres psql -c \"ALTER SYSTEM SET synchronous_standby_names = ''\" -c 'SELECT pg_reload_conf()'"
wait_until "minutes are recorded without the first machine" more_than two $((before + 30))
on three <<< 'for _ in $(seq 60); do curl -sf --cacert /etc/powerpi/cluster/ca.pem https://power.example.org/api/v1/meters | grep -q home/main && exit; sleep 0.5; done; exit 1'
gaps=$(on two <<< 'sudo -u postgres psql -At powerpi -c "SELECT max(minute) - min(minute) + 1 - count(*) FROM every_minute"')
[ "$gaps" = 0 ] || { echo "$gaps minutes are missing, or there twice" >&2; exit 1; }
echo "the guide was followed: $run blocks of commands, $(recorded two) minutes, none missing"
