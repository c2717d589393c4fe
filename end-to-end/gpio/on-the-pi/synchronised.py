"""Tells the kernel that its clock is right, as an NTP client does; with the argument
"leap" also that this day ends with a leap second."""

import ctypes
import sys

ADJ_MAXERROR, ADJ_ESTERROR, ADJ_STATUS = 0x0004, 0x0008, 0x0010
STA_INS = 0x0010


class Timex(ctypes.Structure):
    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    ]


timex = Timex(modes=ADJ_MAXERROR | ADJ_ESTERROR | ADJ_STATUS, maxerror=1000, esterror=1000)
timex.status = STA_INS if sys.argv[1:] == ["leap"] else 0
state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
sys.exit(0 if state >= 0 else f"adjtimex: errno {ctypes.get_errno()}")
