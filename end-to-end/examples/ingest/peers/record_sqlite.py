"""A recorder as people write it: paho-mqtt and sqlite3, one commit for each message."""
import json
import sqlite3
import sys

import paho.mqtt.client as mqtt

port, file = int(sys.argv[1]), sys.argv[2]
db = sqlite3.connect(file)
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE pulses (meter TEXT, t INTEGER, pulses INTEGER, PRIMARY KEY (meter, t)) WITHOUT ROWID")
db.commit()


def on_connect(client, userdata, flags, code):
    client.subscribe("meters/+/pulses", qos=1)


def on_message(client, userdata, message):
    meter = message.topic.split("/")[1]
    counted = json.loads(message.payload)
    with db:
        db.execute("INSERT OR REPLACE INTO pulses VALUES (?, ?, ?)", (meter, counted["t"], counted["pulses"]))


client = mqtt.Client(client_id="recorder", clean_session=False)
client.on_connect = on_connect
client.on_message = on_message
client.connect("127.0.0.1", port)
client.loop_forever()
