# What hangs on the simulated lines; read by the other scripts here.

HERE=$(dirname "$0")
mkdir -p /run/state

# level LINE up|down: with pull-down the contact is closed (active_low).
level() {
    echo "pull-$2" > "$LINES/sim_gpio$1/pull"
}

# pulses LINE COUNT CLOSED_MS OPEN_MS: a meter's S0 output.
pulses() {
    /usr/bin/python3 "$HERE/pulses.py" "$LINES/sim_gpio$1/pull" train "$2" "$3" "$4" > /dev/null
}

# household LINE SECONDS SEED: pulses as they come; prints how many.
household() {
    /usr/bin/python3 "$HERE/pulses.py" "$LINES/sim_gpio$1/pull" household "$2" "$3"
}

# meter ID SOURCE: a [[meter]] with 1000 pulses per kWh.
meter() {
    printf '[[meter]]\nid = "%s"\npulses_per_kwh = 1000\nsource = { %s }\n' "$1" "$2"
}

# Sysfs has no pull-up to switch on: there is one on the line.
for number in 17 22 27; do level $number up; done
