from __future__ import annotations

import asyncio

import pytest

from idas_p2p.exchange.beat import ANSWER_BEAT, until_beat, wait_for_beat
from tests.directory.virtual import in_virtual_time


@pytest.mark.parametrize("passed", [0.0, 0.000_3, 0.019_9, 0.02, 0.033, 7.0])
def test_an_answer_ends_on_a_beat_whatever_work_it_took(passed: float) -> None:
    ended = (passed + until_beat(passed)) / ANSWER_BEAT
    assert 0.0 <= until_beat(passed) <= ANSWER_BEAT
    assert ended == pytest.approx(round(ended))


@in_virtual_time
@pytest.mark.parametrize("work", [0.0, 0.001, 0.0195, 0.027])
async def test_the_beat_is_waited_for_and_no_other_time(work: float) -> None:
    now = asyncio.get_running_loop().time
    begun = now()
    await asyncio.sleep(work)
    await wait_for_beat(begun, now)
    beats = (now() - begun) / ANSWER_BEAT
    assert beats == pytest.approx(round(beats), abs=1e-6)


async def test_a_clock_that_stands_still_ends_the_wait_all_the_same() -> None:
    async with asyncio.timeout(20):
        await wait_for_beat(0.0, lambda: 0.001)
