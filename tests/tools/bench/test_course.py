"""What the line carried, and what is missing for a course."""

from __future__ import annotations

from tools.bench.course import bytes_of_devices

TABLE = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo: 1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0
 wan1f: 200       2    0    0    0     0          0         0       30       2    0    0    0     0       0
 wan2n: 4         2    0    0    0     0          0         0        5       2    0    0    0     0       0
"""


def test_both_directions_of_every_device_of_the_line_are_counted() -> None:
    assert bytes_of_devices(TABLE, ("wan",)) == 239
    assert bytes_of_devices(TABLE, ("lo",)) == 2000
