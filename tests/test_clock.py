"""The machine's time, in two ways."""

from __future__ import annotations

import datetime
import time

from idas_p2p.clock import SystemClock


def test_now_is_unix_time_in_seconds() -> None:
    assert abs(SystemClock().now() - datetime.datetime.now(datetime.UTC).timestamp()) < 5.0


def test_monotonic_never_goes_backwards() -> None:
    clock = SystemClock()
    times = [clock.monotonic() for _ in range(100)]
    assert times == sorted(times)
    assert abs(times[-1] - time.monotonic()) < 5.0
