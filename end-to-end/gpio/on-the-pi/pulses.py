"""A meter's S0 output on a simulated line.

    pulses.py PULL train COUNT CLOSED_MS OPEN_MS
    pulses.py PULL household SECONDS SEED

PULL is the line's file in gpio-sim: with pull-down the contact is closed
(active_low). A household's pulses are 0.1 to 5.1 s apart and 30 to 120 ms long,
every third with bounces of a few milliseconds at one end or both. Prints how many
pulses fell.
"""

import os
import random
import sys
import time

line = os.open(sys.argv[1], os.O_WRONLY)


def level(closed):
    os.pwrite(line, b"pull-down" if closed else b"pull-up", 0)


def phase(closed, ms):
    level(closed)
    time.sleep(ms / 1000)


def train(count, closed_ms, open_ms):
    for _ in range(count):
        phase(True, closed_ms)
        phase(False, open_ms)
    return count


def bounces(chance):
    if chance.randrange(3) == 0:
        train(chance.randint(1, 3), chance.randint(1, 4), chance.randint(1, 4))


def household(seconds, seed):
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    fallen = 0
    while time.monotonic() < end:
        phase(False, chance.randint(100, 5100))
        bounces(chance)
        phase(True, chance.randint(30, 120))
        # The last bounce leaves it open.
        phase(False, 2)
        bounces(chance)
        fallen += 1
    phase(False, 30)
    return fallen


print({"train": train, "household": household}[sys.argv[2]](*map(int, sys.argv[3:])))
