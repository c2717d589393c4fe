# Runs the whole chain on the simulated Pi: 100 pulses of 30 ms through the
# character device and 100 through sysfs, until their minutes are recorded. Both
# contacts are closed when the publisher starts; those are no pulses.
. "$(dirname "$0")/chain.sh"

{
    site "$RIGHT_CLOCK"
    meter cdev 'kind = "cdev", line = "pin 11"'
    meter sysfs 'kind = "sysfs", line = 27'
} > /run/publisher.toml
server
level 17 down
level 27 down
publisher
level 17 up
level 27 up
sleep 1

pulses 17 100 30 30
pulses 27 100 30 30
# Their minutes are over, sent, recorded and drawn.
sleep 130
leave $publisher
