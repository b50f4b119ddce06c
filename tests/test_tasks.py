"""Tasks have an owner: it sees them fail, bounds their number and ends them."""

from __future__ import annotations

import asyncio
import logging

import pytest

from idas_p2p.errors import Busy, PeerUnreachable
from idas_p2p.tasks import TaskOwner


async def test_a_failing_task_is_logged_and_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    owner, go_on = TaskOwner(limit=2), asyncio.Event()

    async def fail() -> None:
        raise ZeroDivisionError("CANARY")

    async def work() -> None:
        await go_on.wait()

    failing, working = owner.start("fail", fail()), owner.start("work", work())
    await failing
    assert not working.done()
    assert "task_failed" in caplog.text
    assert "CANARY" not in caplog.text
    go_on.set()
    await working


async def test_an_error_of_ours_ends_a_task_with_its_code(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "idas_p2p")

    async def fail() -> None:
        raise PeerUnreachable

    await TaskOwner(limit=1).start("dial", fail())
    (record,) = caplog.records
    assert vars(record)["fields"] == {"task": "dial", "reason": "unreachable.peer"}


async def test_more_tasks_than_the_limit_are_refused_as_busy() -> None:
    owner, never = TaskOwner(limit=1), asyncio.Event()

    async def wait() -> None:
        await never.wait()

    owner.start("first", wait())
    with pytest.raises(Busy, match="second"):
        owner.start("second", wait())
    await owner.stop()


async def test_a_finished_task_makes_room() -> None:
    owner = TaskOwner(limit=1)

    async def nothing() -> None: ...

    for _ in range(3):
        await owner.start("short", nothing())
    assert len(owner) == 0


async def test_stopping_cancels_what_still_runs_and_waits_for_its_end() -> None:
    owner, never, ended = TaskOwner(limit=1), asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        try:
            await never.wait()
        finally:
            ended.set()

    owner.start("wait", wait())
    await asyncio.sleep(0)
    await owner.stop()
    assert ended.is_set()
    assert len(owner) == 0


async def test_stopping_with_grace_lets_a_task_finish() -> None:
    owner, finished = TaskOwner(limit=1), asyncio.Event()

    async def finish_soon() -> None:
        await asyncio.sleep(0)
        finished.set()

    owner.start("soon", finish_soon())
    await owner.stop(grace=5.0)
    assert finished.is_set()
