"""A recorder as people write it: paho-mqtt and python3-rrdtool, one update for each message."""
import json
import sys

import paho.mqtt.client as mqtt
import rrdtool

port, folder = int(sys.argv[1]), sys.argv[2]


def on_connect(client, userdata, flags, code):
    client.subscribe("meters/+/pulses", qos=1)


def on_message(client, userdata, message):
    meter = message.topic.split("/")[1]
    counted = json.loads(message.payload)
    try:
        rrdtool.update(f"{folder}/{meter}.rrd", f"{counted['t']}:{counted['pulses']}")
    except rrdtool.OperationalError as error:
        print(error, file=sys.stderr)


client = mqtt.Client(client_id="recorder", clean_session=False)
client.on_connect = on_connect
client.on_message = on_message
client.connect("127.0.0.1", port)
client.loop_forever()
