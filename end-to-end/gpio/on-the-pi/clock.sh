# A Pi whose clock begins in 1970, is set by NTP after ten minutes, and is set
# wrong by hand afterwards, while pulses fall. Leaves in /run/out/pulsed how many
# pulses fell in which true minute of UTC.
. "$(dirname "$0")/chain.sh"

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

date -s '1970-01-01 00:00:30' > /dev/null
{
    site
    meter cdev 'kind = "cdev", line = "GPIO17"'
} > /run/publisher.toml
server

# Ten minutes of 1970, with a kill and a stop in them.
publisher
fall 3
fall 5
kill -9 $publisher
wait $publisher 2> /dev/null
publisher
fall 7
kill $publisher
wait $publisher
publisher
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
publisher
fall 23
# NTP sets it right.
date -s "@$((true_utc + $(uptime) - true_uptime))" > /dev/null
/usr/bin/python3 "$(dirname "$0")/synchronised.py" || exit 1
fall 29
sleep 130

# The year ends with a leap second: after 23:59:59 it is that again.
date -s '2026-12-31 23:58:50' > /dev/null
/usr/bin/python3 "$(dirname "$0")/synchronised.py" leap || exit 1
sleep 12
last=
for _ in $(seq 40); do
    minute=$(($(date +%s) / 60))
    pulses 17 1 40 40
    [ "$minute" = "${last:-$minute}" ] || { echo "$last $count" >> /run/out/pulsed; count=0; }
    last=$minute
    count=$((${count:-0} + 1))
    usleep 3920000
done
echo "$last $count" >> /run/out/pulsed
sleep 130

leave $publisher
