# What hangs on the simulated lines; read by the other scripts here.


mkdir -p /run/state

# level LINE up|down: with pull-down the contact is closed (active_low).
level() {
    echo "pull-$2" > "$LINES/sim_gpio$1/pull"
}

# pulses LINE COUNT CLOSED_MS OPEN_MS: a meter's S0 output.
pulses() {
    left=$2
    while [ "$left" -gt 0 ]; do
        level "$1" down
        usleep "${3}000"
        level "$1" up
        usleep "${4}000"
        left=$((left - 1))
    done
}

# meter ID SOURCE: a [[meter]] with 1000 pulses per kWh.
meter() {
    printf '[[meter]]\nid = "%s"\npulses_per_kwh = 1000\nsource = { %s }\n' "$1" "$2"
}

# Sysfs has no pull-up to switch on: there is one on the line.
level 17 up
level 27 up
