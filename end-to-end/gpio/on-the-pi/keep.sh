# Pulses fall while the publisher is killed and started again, ten times; the line's
# descriptor is kept as systemd keeps it. Nothing is lost, and every second is
# watched. Leaves the ledger in /run/out.
. "$(dirname "$0")/line.sh"

mkdir /run/state/publisher
cat > /run/broker.toml <<X
[store]
path = "/run/state/broker.sqlite"
X
cat > /run/recorder.toml <<X
ledger = "/run/state/ledger.sqlite"
rrd_dir = "/run/state/rrd"
X
{
    echo 'site = "pi"'
    echo 'state_dir = "/run/state/publisher"'
    echo 'runtime_dir = "/run/publisher"'
    echo 'wait_for_clock = false'
    meter cdev 'kind = "cdev", line = "GPIO17"'
} > /run/publisher.toml

"$BIN/powerpi-broker" --config /run/broker.toml 2> /run/out/broker.log &
broker=$!
sleep 1
"$BIN/powerpi-recorder" --config /run/recorder.toml 2> /run/out/recorder.log &
recorder=$!
/usr/bin/python3 "$(dirname "$0")/service.py" "$BIN/pi-publisher" --config /run/publisher.toml \
    > /run/out/service.log 2> /run/out/publisher.log &
service=$!
sleep 3

# 60 ms each: three minutes of the highest rate that S0 allows.
pulses 17 3000 30 30 &
falling=$!
for signal in USR1 USR2 USR1 USR1 USR2 USR1 USR2 USR1 USR1 USR2; do
    sleep 13
    kill -$signal $service
done
wait $falling
sleep 130

failed=0
for program in $service $recorder $broker; do
    kill $program
    wait $program || failed=1
done
cp -r /run/state/ledger.sqlite* /run/out/
exit $failed
