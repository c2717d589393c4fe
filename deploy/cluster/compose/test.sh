#!/bin/bash
# Looks whether the files beside compose.yaml are what their programs understand, with those that Debian has; and lets two databases
# become what compose.yaml makes of them, in a network of their own. As root, with a folder of PowerPi's programs:
#   deploy/cluster/compose/test.sh target/release
# The images come from a registry, which this does not need; so the containers themselves are not started here.
set -euo pipefail
programs=$(realpath "${1:-target/release}")
[ -n "${OWN_NETWORK:-}" ] || exec env OWN_NETWORK=1 unshare --mount --net --pid --fork --kill-child "$0" "$programs"
cd "$(dirname "$0")"

folder=$(mktemp -d)
mount -t proc none /proc
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; tail -n 5 "$folder"/*.log >&2 2>/dev/null || true; exit 1; }
passed() { echo "ok: $*"; }
wait_until() {
    local what=$1
    shift
    for _ in $(seq 240); do
        "$@" > /dev/null 2>&1 && return 0
        sleep 0.25
    done
    fail "waited a minute until $what"
}

# Every file that is mounted is there, and every file that is there is mounted.
python3 - << 'PYTHON' || fail "compose.yaml"
import os, re, yaml
compose = yaml.safe_load(open("compose.yaml"))
services = compose["services"]
mounted, kept = set(), set()
for name, service in services.items():
    for volume in service.get("volumes", []):
        (mounted if volume.startswith("./") else kept).add(volume.split(":")[0])
    for other in service.get("depends_on", []):
        assert other in services, f"{name} waits for {other}, which is not there"
assert kept == set(compose["volumes"]), kept ^ set(compose["volumes"])
mounted = {name.removeprefix("./") for name in mounted}
here = set(os.listdir(".")) - {"compose.yaml", "test.sh"}
assert mounted == here, f"mounted or here, and not both: {mounted ^ here}"
count = lambda word: sum(name.startswith(word) for name in services)
wanted = {"nats-": 3, "database-": 2, "recorder-": 2, "web-": 2, "alarms-": 2, "proxy": 1}
assert {word: count(word) for word in wanted} == wanted
# Whatever a setting names as host is a service.
for name in sorted(here):
    for host in re.findall(r"\b((?:nats|database|web)-[0-9]+)\b", open(name).read()):
        assert host in services, f"{name} names {host}"
PYTHON
passed "compose.yaml has what the guide has, and each file that it names is there"

# Debian's NATS does not know when to sync.
sed '/sync_interval/d' nats.conf > "$folder/nats.conf"
NATS_NAME=nats-1 nats-server --config "$folder/nats.conf" -t > "$folder/nats.log" 2>&1 || fail "nats.conf"
caddy validate --config Caddyfile > "$folder/caddy.log" 2>&1 || fail "Caddyfile"
passed "NATS and Caddy understand their files"

ip link set lo up
printf '127.0.0.1 localhost\n127.0.0.2 database-1\n127.0.0.3 database-2\n' > "$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts
export PATH=$(echo /usr/lib/postgresql/*/bin | tr ' ' '\n' | tail -n 1):$PATH
cp ./*.sh "$folder"
chmod -R a+rX "$folder"
# As the image does it: a server that nobody else reaches runs primary.sh, and then the real one starts.
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups -- env HOME="$folder" PGDATA="$PGDATA" PGHOST="$PGDATA.socket" PGUSER=postgres "$@"; }
make() { PGDATA=$folder/$1; install -d -m 700 -o postgres "$PGDATA" "$PGDATA.socket"; }
serve() { # ADDRESS
    printf "listen_addresses = '%s'\nunix_socket_directories = '%s'\n" "$1" "$PGDATA.socket" >> "$PGDATA/postgresql.conf"
}
make database-1
as_postgres initdb --username postgres --auth trust --no-sync > "$folder/database-1.log"
echo "host all all all trust" >> "$PGDATA/pg_hba.conf"
serve 127.0.0.2
as_postgres pg_ctl start --wait --silent --log "$PGDATA/log" -o "-c listen_addresses="
as_postgres bash "$folder/primary.sh" > "$folder/primary.log" 2>&1 || fail "primary.sh"
as_postgres pg_ctl stop --wait --silent
as_postgres pg_ctl start --wait --silent --log "$PGDATA/log"
# Without a broker it makes the tables; its commit waits for the standby.
"$programs/powerpi-recorder" --config powerpi-recorder.toml > "$folder/recorder.log" 2>&1 &
make database-2
# Two servers of one machine differ in where they listen; what is copied says the first one's address.
sed 's/^exec postgres$/exec postgres -c listen_addresses=127.0.0.3 -c unix_socket_directories="$PGHOST"/' standby.sh > "$folder/standby.sh"
as_postgres bash "$folder/standby.sh" > "$folder/standby.log" 2>&1 &
say() { psql "postgresql://postgres@database-1,database-2/powerpi?target_session_attrs=read-write" -At -c "$1"; }
synchronous() { [ "$(say "SELECT sync_state FROM pg_stat_replication")" = sync ]; }
wait_until "the standby has each commit" synchronous
tables() { [ "$(say "SELECT count(*) FROM settings_version")" = 0 ]; }
wait_until "the recorder has made the tables" tables
as_postgres bash "$folder/rights.sh" > "$folder/rights.log" 2>&1 || fail "rights.sh"
say 'SET ROLE "powerpi-web"; SELECT count(*) FROM meter; DELETE FROM settings_version' > /dev/null || fail "the pages' rights"
! say 'SET ROLE "powerpi-web"; DELETE FROM meter' > /dev/null 2>&1 || fail "pages may delete a meter"
passed "the second database has each commit of the first one, and pages may write what is theirs"

PGDATA=$folder/database-1
as_postgres pg_ctl stop --silent --mode immediate
PGDATA=$folder/database-2
as_postgres bash "$folder/promote.sh" > "$folder/promote.log" 2>&1 || fail "promote.sh"
say "INSERT INTO settings_version VALUES (1, '')" > /dev/null || fail "the second database does not go on alone"
passed "it takes the first one's place, and goes on alone"
