# Runs the whole chain on the simulated Pi: 100 pulses of 30 ms through the
# character device and 100 through sysfs, until their minutes are recorded.
# Leaves ledger and RRD files in /run/out; they are looked at outside.
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
    # Nobody tells this machine the time, but it is right.
    echo 'wait_for_clock = false'
    meter cdev 'kind = "cdev", line = "GPIO17"'
    meter sysfs 'kind = "sysfs", line = 27'
} > /run/publisher.toml

"$BIN/powerpi-broker" --config /run/broker.toml 2> /run/out/broker.log &
broker=$!
sleep 1
"$BIN/powerpi-recorder" --config /run/recorder.toml 2> /run/out/recorder.log &
recorder=$!
"$BIN/pi-publisher" --config /run/publisher.toml 2> /run/out/publisher.log &
publisher=$!
sleep 3

pulses 17 100 30 30
pulses 27 100 30 30
# Their minutes are over, sent, recorded and drawn.
sleep 130

failed=0
for program in $publisher $recorder $broker; do
    kill $program
    wait $program || failed=1
done
cp -r /run/state/ledger.sqlite* /run/state/rrd /run/out/
exit $failed
