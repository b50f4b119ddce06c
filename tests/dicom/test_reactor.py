from __future__ import annotations

import threading
import time
from pathlib import Path

from idas_p2p.dicom.link import Link
from idas_p2p.dicom.reactor import SignallingQueue
from tests.dicom.memory_node import MemoryNode, serving
from tests.dicom.test_link import client


def test_a_queue_signals_what_is_put_into_it() -> None:
    signal = threading.Event()
    queue = SignallingQueue(signal.set)
    queue.put(1)
    assert signal.is_set()
    assert queue.get() == 1


async def test_an_idle_association_sleeps(tmp_path: Path) -> None:
    def idle(link: Link) -> float:
        before = time.process_time()
        link.dul.join(0.3)
        return time.process_time() - before

    async with serving(MemoryNode(), tmp_path) as served:
        used = await client(served, idle)
    assert isinstance(used, float)
    assert used < 0.03  # seconds; a look every millisecond in four threads takes three times as much


async def test_a_surprise_in_the_reactor_ends_its_own_association_only(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:

        def surprise(link: Link) -> bool:
            (theirs,) = served.server._links
            theirs.dul.event_queue.put("Evt7")  # not possible in data transfer state
            theirs.dul.join(10.0)
            return theirs.dul.is_alive()

        assert not await client(served, surprise)
        assert await client(served, lambda link: link.send_c_echo().Status) == 0
