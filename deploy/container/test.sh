#!/bin/bash
# Builds the image, starts compose.yaml's four programs in it, and looks whether
# they do what they should: deploy/container/test.sh PUBLISHER
# As root, with podman; PUBLISHER is this machine's pi-publisher. Debian 12 and
# Rust come from Debian's mirror and from this machine, not from a registry of
# images, so that the same is tested everywhere.
set -euo pipefail
cd "$(dirname "$0")/../.."
publisher=$(readlink -f "$1")

export POWERPI_PORT=28080
base=localhost/powerpi-test/debian rust=localhost/powerpi-test/rust
project=powerpi-test
work=$(mktemp -d)
counting=

fail() {
    echo "FAILED: $*" >&2
    for name in $(podman ps --all --quiet --filter "label=com.docker.compose.project=$project"); do
        podman logs --tail 10 "$name" >&2 || true
    done
    exit 1
}
passed() { echo "ok: $*"; }
# Debian 12's own podman-compose is too old for `network_mode: service:`.
fetch_compose() {
    [ -e .cache/podman-compose/podman_compose.py ] ||
        python3 -m pip install --quiet --root-user-action ignore --target .cache/podman-compose podman-compose==1.5.0
}
compose() {
    PYTHONPATH=.cache/podman-compose python3 -m podman_compose --in-pod false --project-name $project --file deploy/container/compose.yaml \
        "$@" >>"$work/compose" 2>&1
}
stop() {
    [ -z "$counting" ] || { kill "$counting" 2>/dev/null || true; wait "$counting" 2>/dev/null || true; }
    compose down --volumes || true
    podman volume rm --force ${project}_broker ${project}_recorder ${project}_web ${project}_alarms >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap stop EXIT

# A machine that is a container or a small VM itself may not raise limits, and has
# the control groups of both versions, which crun does not take.
cat > "$work/containers.conf" <<END
[containers]
default_ulimits = ["nofile=$(ulimit -n):$(ulimit -n)", "nproc=4096:4096"]
[engine]
runtime = "runc"
END
export CONTAINERS_CONF=$work/containers.conf

wait_until() {
    local what=$1 begin=$SECONDS
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((SECONDS - begin)) -lt 120 ] || { tail -n 20 "$work/compose"; fail "waited for: $what"; }
        sleep 0.5
    done
}

# What docker.io's debian:bookworm-slim and rust:slim-bookworm are, for a build without them.
make_bases() {
    podman image exists $base ||
        mmdebstrap --quiet --variant=minbase --include=ca-certificates ${APT_OPTION:+--aptopt="$APT_OPTION"} bookworm - |
        podman import --quiet - $base >/dev/null
    podman image exists $rust && return
    local toolchain
    toolchain=$(rustc --print sysroot)
    printf 'FROM %s\nCOPY bin /usr/local/bin\nCOPY lib /usr/local/lib\n' $base |
        podman build --quiet --tag $rust --file - "$toolchain" >/dev/null
}

fetch_compose
make_bases
podman build --quiet --network host --file deploy/container/Containerfile --tag powerpi \
    --build-arg DEBIAN=$base --build-arg RUST=$rust . >/dev/null
passed "image of $(podman image inspect --format '{{.Size}}' powerpi) bytes, Debian 12 included"

programs="broker recorder web alarms"
container() { echo "${project}_$1_1"; }
healthy() { podman healthcheck run "$(container "$1")"; }
compose up --detach --no-build || { cat "$work/compose"; fail "podman-compose up"; }
for program in $programs; do wait_until "$program to be healthy" healthy "$program"; done
passed "four programs started, each says that it is well"

for program in $programs; do
    inside="podman exec $(container "$program")"
    [ "$($inside id -un)" = "powerpi-$program" ] || fail "$program has not its own user"
    $inside grep -Eq '^CapBnd:\s+0+$' /proc/1/status || fail "$program may have privileges"
    $inside grep -Eq '^NoNewPrivs:\s+1$' /proc/1/status || fail "$program may get privileges"
    ! podman exec --user 0 "$(container "$program")" touch /x 2>/dev/null || fail "$program can write its root"
done
for program in web alarms; do
    ! podman exec --user 0 "$(container $program)" touch /var/lib/powerpi/recorder/x 2>/dev/null ||
        fail "$program can write beside the ledger"
done
passed "each has its own user, no privileges, and nothing to write but its own data"

since=$(date --utc --date='6 hours ago' +%Y-%m-%dT%H:%M:00Z) until=$(date --utc --date=tomorrow +%Y-%m-%dT%H:%M:00Z)
# Six hours of the past and then the present, beside the broker, as on its own machine.
cat > "$work/pi-publisher.toml" <<END
state_dir = "$work"
runtime_dir = "$work/run"
wait_for_clock = false
[[meter]]
id = "main"
name = "Main meter"
pulses_per_kwh = 1000
source = { kind = "simulated", from = "$since" }
END
process=$(podman inspect --format '{{.State.Pid}}' "$(container broker)")
nsenter --target "$process" --net "$publisher" --config "$work/pi-publisher.toml" 2>"$work/publisher" &
counting=$!
minutes() {
    curl -sf "http://127.0.0.1:$POWERPI_PORT/api/v1/meters/home/main/energy.csv?step=minute&from=$since&to=$until" | grep -c '^[0-9]' || true
}
hours() { [ "$(minutes)" -ge 359 ]; }
wait_until "six hours to be recorded" hours
curl -sf "http://127.0.0.1:$POWERPI_PORT/" | grep 'Main meter' >/dev/null || fail "the page does not show the meter"
passed "from simulated pulses to the page, by the port of this machine"

for program in broker recorder; do
    podman kill --signal KILL "$(container $program)" >/dev/null
    ! healthy $program 2>/dev/null || fail "a $program that was killed is healthy"
    podman start "$(container $program)" >/dev/null
done
for program in $programs; do wait_until "$program to be healthy again" healthy "$program"; done
before=$(minutes)
more() { [ "$(minutes)" -gt "$before" ]; }
wait_until "the next minute" more
passed "broker and recorder killed: minutes go on"

kill "$counting"; wait "$counting" || true; counting=
before=$(minutes)
compose down
compose up --detach --no-build
for program in $programs; do wait_until "$program to be healthy again" healthy "$program"; done
[ "$(minutes)" -ge "$before" ] || fail "minutes are missing after containers were made anew"
passed "containers thrown away and made anew: everything that was recorded is there"
