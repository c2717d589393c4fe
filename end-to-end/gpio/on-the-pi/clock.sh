# A Pi whose clock begins in 1970, is set by NTP after ten minutes, and is set
# wrong by hand afterwards, while pulses fall. Leaves the ledger in /run/out, and
# in /run/out/pulsed how many pulses fell in which true minute of UTC.
. "$(dirname "$0")/line.sh"

# uptime: whole seconds since the boot.
uptime() {
    cut -d . -f 1 /proc/uptime
}
# What is true: at this uptime it was this time of UTC.
true_utc=1772366400 # 2026-03-01 12:00:00
true_uptime=$(($(uptime) + 600))

# fall COUNT: pulses, twenty seconds into the next true minute.
fall() {
    now=$((true_utc + $(uptime) - true_uptime))
    sleep $((60 - now % 60 + 20))
    now=$((true_utc + $(uptime) - true_uptime))
    pulses 17 "$1" 40 40
    echo "$((now / 60)) $1" >> /run/out/pulsed
}

start() {
    "$BIN/pi-publisher" --config /run/publisher.toml 2>> /run/out/publisher.log &
    publisher=$!
    sleep 3
}

date -s '1970-01-01 00:00:30' > /dev/null
mkdir /run/state/publisher
printf '[store]\npath = "/run/state/broker.sqlite"\n' > /run/broker.toml
printf 'ledger = "/run/state/ledger.sqlite"\nrrd_dir = "/run/state/rrd"\n' > /run/recorder.toml
{
    echo 'site = "pi"'
    echo 'state_dir = "/run/state/publisher"'
    echo 'runtime_dir = "/run/publisher"'
    meter cdev 'kind = "cdev", line = "GPIO17"'
} > /run/publisher.toml
"$BIN/powerpi-broker" --config /run/broker.toml 2> /run/out/broker.log &
broker=$!
sleep 1
"$BIN/powerpi-recorder" --config /run/recorder.toml 2> /run/out/recorder.log &
recorder=$!

# Ten minutes of 1970, with a kill and a stop in them.
start
fall 3
fall 5
kill -9 $publisher
wait $publisher 2> /dev/null
start
fall 7
kill $publisher
wait $publisher
start
fall 2
sleep $((true_uptime - $(uptime)))

# NTP answers.
date -s "@$((true_utc + $(uptime) - true_uptime))" > /dev/null
/usr/bin/python3 "$(dirname "$0")/synchronised.py" || exit 1
fall 11
fall 13
# Somebody sets the clock back by an hour, and forward by two.
date -s "@$(($(date +%s) - 3600))" > /dev/null
fall 17
date -s "@$(($(date +%s) + 7200))" > /dev/null
fall 19
# The publisher starts anew with a clock that nobody believes.
kill $publisher
wait $publisher
start
fall 23
# NTP sets it right.
date -s "@$((true_utc + $(uptime) - true_uptime))" > /dev/null
/usr/bin/python3 "$(dirname "$0")/synchronised.py" || exit 1
fall 29
sleep 130

failed=0
for program in $publisher $recorder $broker; do
    kill $program
    wait $program || failed=1
done
cp -r /run/state/ledger.sqlite* /run/out/
exit $failed
