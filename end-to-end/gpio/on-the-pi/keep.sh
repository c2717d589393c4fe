# Pulses fall while the publisher is killed and started again, ten times; the line's
# descriptor is kept as systemd keeps it. Nothing is lost, and every second is
# watched.
. "$(dirname "$0")/chain.sh"

{
    site "$RIGHT_CLOCK"
    meter cdev 'kind = "cdev", line = "GPIO17"'
} > /run/publisher.toml
server
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
leave $service
