# What goes wrong with lines, and what pi-publisher makes of it.
. "$(dirname "$0")/line.sh"

# Another user must be able to run it, wherever it was built.
cp "$BIN/pi-publisher" /run/bin/
failed=0

# expect WHAT TEXT: the report of the last check has this text.
expect() {
    if grep -qF -- "$2" /run/report; then
        echo "ok: $1"
    else
        echo "FAILED: $1: expected \"$2\" in"
        cat /run/report
        failed=1
    fi
}

# check SECONDS SOURCE: opens a line, and looks.
check() {
    meter main "$2" > /run/check.toml
    pi-publisher --config /run/check.toml check --seconds "$1" > /run/report 2>&1
}

# watch SOURCE: holds a line until `kill $watcher`.
watch() {
    meter main "$1" > /run/watch.toml
    pi-publisher --config /run/watch.toml watch > /run/watched 2>&1 &
    watcher=$!
    sleep 1
}

cdev='kind = "cdev", line = 17'
sysfs='kind = "sysfs", line = 17'
pin=/sys/class/gpio/gpio$(($(cat /sys/class/gpio/gpiochip*/base) + 17))

check 1 'kind = "cdev", line = 54'
expect "a missing line" "line 54 on a Raspberry Pi's header was not found; this machine has: /dev/gpiochip0 [pinctrl-bcm2835] with 54 lines"
check 1 'kind = "sysfs", line = 54'
expect "a line missing in sysfs" "sysfs has: pinctrl-bcm2835 with 54 lines from"

watch "$cdev"
check 1 "$cdev"
expect "a line that is in use" "cdev gpiochip0 line 17 (GPIO17) is in use by pi-publisher"
check 1 "$sysfs"
expect "a line in use, by sysfs" "is in use by the kernel or a program on the character device"
kill $watcher && wait $watcher

watch "$sysfs"
check 1 "$sysfs"
expect "a line that is read through sysfs" "is in use by another reader of sysfs"
kill -9 $watcher
wait $watcher 2> /dev/null
[ -d "$pin" ] || echo "FAILED: the killed reader left nothing behind"
check 1 "$cdev"
expect "a line that a killed reader left exported" "is in use by sysfs (exported under /sys/class/gpio)"
check 1 "$sysfs"
expect "its next reader takes it over" "sysfs line 17"
check 1 "$cdev"
expect "and gives it back" "cdev gpiochip0 line 17 (GPIO17)
  contact"

echo "${pin##*gpio}" > /sys/class/gpio/export
echo out > "$pin/direction"
check 1 "$sysfs"
expect "somebody's output" "is in use by a program that exported it as an output"
echo in > "$pin/direction"
level 17 down
level 17 up
check 1 "$sysfs"
expect "somebody's export is used" "open at the start"
[ -d "$pin" ] && echo "ok: and left in place" || { echo "FAILED: it was unexported"; failed=1; }
echo "${pin##*gpio}" > /sys/class/gpio/unexport

as_nobody() {
    /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}
check_as_nobody() {
    meter main "$1" > /run/check.toml
    as_nobody pi-publisher --config /run/check.toml check --seconds 1 > /run/report 2>&1
}
check_as_nobody "$cdev"
expect "a user who may not" "this user may not open /dev/gpiochip0; add the user to the group gpio"
check_as_nobody "$sysfs"
expect "a user who may not export" "this user may not open /sys/class/gpio/export"
chmod 666 /sys/class/gpio/export /sys/class/gpio/unexport
check_as_nobody "$sysfs"
expect "a pin that udev never gave away" "this user may not open $pin"
[ -d "$pin" ] && echo "FAILED: it stays exported" && failed=1
# udev takes a second here.
(
    until [ -d "$pin" ]; do usleep 10000; done
    sleep 1
    chmod 666 "$pin/value" "$pin/direction" "$pin/edge" "$pin/active_low"
) &
check_as_nobody "$sysfs"
expect "a pin that udev gives away in time" "open at the start"

level 17 down
check 2 "$cdev, bias = \"none\""
expect "a line that is closed all the time" "closed all the time: the wires touch"
level 17 up
check 2 "$cdev"
expect "a line without pulses" "at 100 W one comes every 36 s"

(sleep 1; for _ in 1 2 3 4 5; do pulses 17 3 2 2; pulses 17 1 40 40; done) &
check 5 "$cdev"
expect "pulses that bounce" "5 counted, 15 rejected"
(sleep 1; for _ in 1 2 3 4 5; do pulses 17 3 2 2; pulses 17 1 40 40; done) &
check 5 "$sysfs"
expect "pulses that bounce, through sysfs" "5 counted, 15 rejected"

# 1200 pulses are 2400 edges; the kernel keeps 1024.
meter main "$cdev" > /run/check.toml
pi-publisher --config /run/check.toml check --seconds 90 > /run/report 2>&1 &
stopped=$!
sleep 1
kill -STOP $stopped
pulses 17 1200 30 30
kill -CONT $stopped
wait $stopped
expect "a reader that stood still: no pulse is lost" "1200 counted, 0 rejected"
expect "and the loss of edges is told" "1376 lost"

exit $failed
