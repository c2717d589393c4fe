"""What systemd does for a service with a descriptor store: keeps descriptors that
it sends (FDSTORE=1) and hands them to its next process.

    service.py PROGRAM ARGUMENTS...

SIGUSR1 kills the program by SIGKILL and starts it again, SIGUSR2 by SIGTERM;
SIGTERM ends both. A line for each start and each descriptor goes to stdout.
"""

import array
import os
import signal
import socket
import sys

SOCKET = "/run/notify"
stored = {}
child = 0
leaving = False


def start():
    global child
    sys.stdout.write(f"start with {len(stored)} descriptors\n")
    sys.stdout.flush()
    child = os.fork()
    if child:
        return
    names, descriptors = list(stored.keys()), list(stored.values())
    # Out of the way first: 3 and those after it may be among them.
    high = [os.dup2(fd, 100 + at) for at, fd in enumerate(descriptors)]
    for at, fd in enumerate(high):
        os.dup2(fd, 3 + at, inheritable=True)
        os.close(fd)
    environment = dict(os.environ, NOTIFY_SOCKET=SOCKET)
    if names:
        environment.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names))
    os.execve(sys.argv[1], sys.argv[1:], environment)


def restart(how):
    os.kill(child, how)
    os.waitpid(child, 0)
    start()


def leave(*_):
    global leaving
    leaving = True


def hear(message, ancillary):
    said = dict(line.split("=", 1) for line in message.decode().splitlines() if "=" in line)
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    if "FDSTORE" in said and descriptors:
        stored[said["FDNAME"]] = descriptors[0]
        sys.stdout.write(f"keeps {said['FDNAME']}\n")
        sys.stdout.flush()
    if "FDSTOREREMOVE" in said and said["FDNAME"] in stored:
        os.close(stored.pop(said["FDNAME"]))


notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(SOCKET)
notify.settimeout(0.2)
signal.signal(signal.SIGUSR1, lambda *_: restart(signal.SIGKILL))
signal.signal(signal.SIGUSR2, lambda *_: restart(signal.SIGTERM))
signal.signal(signal.SIGTERM, leave)
start()
while not leaving:
    try:
        message, ancillary, _, _ = notify.recvmsg(4096, socket.CMSG_SPACE(64))
    except (TimeoutError, socket.timeout):
        continue
    hear(message, ancillary)
os.kill(child, signal.SIGTERM)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
