# An hour of pulses as a household makes them, with bounces; the highest rate that
# S0 allows, and ten times that; and a publisher that is stopped for five seconds.
# Leaves in /run/out/pulsed how many pulses fell on each line.
. "$(dirname "$0")/chain.sh"

{
    site "$RIGHT_CLOCK"
    meter cdev 'kind = "cdev", line = "GPIO17"'
    meter sysfs 'kind = "sysfs", line = 27'
    meter fast 'kind = "cdev", line = 22'
    echo 'bounce = { min_closed_ms = 1, min_open_ms = 1 }'
} > /run/publisher.toml
server
publisher

household 17 3600 1 > /run/cdev &
on_cdev=$!
household 27 3600 2 > /run/sysfs &
wait $on_cdev $!
sleep 1

# The limits, one after the other.
pulses 17 1000 30 30
pulses 27 1000 30 30
pulses 22 10000 3 3
sleep 61

# Stopped for five seconds, while both lines go on.
pulses 17 200 30 30 &
on_cdev=$!
pulses 27 200 30 30 &
on_sysfs=$!
sleep 3
kill -STOP $publisher
sleep 5
kill -CONT $publisher
wait $on_cdev $on_sysfs

{
    echo "cdev $(($(cat /run/cdev) + 1000 + 200))"
    echo "fast 10000"
    echo "sysfs $(($(cat /run/sysfs) + 1000 + 200))"
} > /run/out/pulsed
sleep 130
leave $publisher
