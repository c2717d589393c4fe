# Publisher, broker and recorder on the simulated Pi; read by the scripts that
# count. Their state lies in /run/state, their logs in /run/out.
. "$(dirname "$0")/line.sh"

mkdir -p /run/state/publisher

# server: starts broker and recorder.
server() {
    printf '[store]\npath = "/run/state/broker.sqlite"\n' > /run/broker.toml
    printf 'ledger = "/run/state/ledger.sqlite"\nrrd_dir = "/run/state/rrd"\n' > /run/recorder.toml
    "$BIN/powerpi-broker" --config /run/broker.toml 2> /run/out/broker.log &
    broker=$!
    sleep 1
    "$BIN/powerpi-recorder" --config /run/recorder.toml 2> /run/out/recorder.log &
    recorder=$!
}

# site [KEY=VALUE...]: the publisher's settings but for its meters.
site() {
    echo 'site = "pi"'
    echo 'state_dir = "/run/state/publisher"'
    echo 'runtime_dir = "/run/publisher"'
    for setting in "$@"; do echo "$setting"; done
}

# Nobody tells this machine the time, but it is right.
RIGHT_CLOCK='wait_for_clock = false'

# publisher: starts it with /run/publisher.toml.
publisher() {
    "$BIN/pi-publisher" --config /run/publisher.toml 2>> /run/out/publisher.log &
    publisher=$!
    sleep 3
}

# leave PID...: stops these and the server, leaves the ledger in /run/out, and ends.
leave() {
    failed=0
    for program in "$@" $recorder $broker; do
        kill "$program"
        wait "$program" || failed=1
    done
    cp -r /run/state/ledger.sqlite* /run/state/rrd /run/out/
    exit $failed
}
