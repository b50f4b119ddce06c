"""The node's audit log at work: nothing goes on unrecorded, and nothing recorded is lost or let go unsaid."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.audit import events
from idas_p2p.access.audit.verify import Fault, verify_log
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.errors import AuditUnavailable, SpoolFull, StorageRefused
from idas_p2p.node.audit_settings import AuditSettings
from idas_p2p.node.auditing import Auditor
from idas_p2p.store.audit_log import segments
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord, Kind
from idas_p2p.wire.schema import decode
from tests.access.audit.logs import KEY, some_events
from tests.directory.network import ManualClock


@pytest.fixture
def open_auditor(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[..., Auditor]]:
    opened: list[Auditor] = []

    def make(**settings: Any) -> Auditor:
        auditor = Auditor(
            tmp_path, KEY, clock=clock, random_bytes=random_bytes, settings=AuditSettings(**settings), run=run
        )
        opened.append(auditor)
        return auditor

    yield make
    for auditor in opened:
        auditor.close()


async def run(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(function, *arguments)


def records(folder: Path) -> list[AuditRecord]:
    return [
        decode(AuditRecord, frame.body, max_size=MAX_RECORD_BYTES)
        for segment in segments(folder / "audit")
        for frame in segment.frames()
    ]


def verified(folder: Path, auditor: Auditor) -> list[Fault]:
    data = [segment.data() for segment in segments(folder / "audit")]
    return [one.fault for one in verify_log(KEY.node_id, data, [auditor.head()]).findings]


def test_what_was_noted_is_there_in_order_and_verifies(tmp_path: Path, open_auditor: Any) -> None:
    auditor = open_auditor()
    for event in some_events(20):
        auditor.note(event)
    assert [one.number for one in records(tmp_path)] == list(range(1, 21))
    assert [one.event for one in records(tmp_path)] == some_events(20)
    assert verified(tmp_path, auditor) == []


def test_the_chain_goes_on_after_a_restart(tmp_path: Path, open_auditor: Any) -> None:
    first = open_auditor()
    first.note(events.started("1"))
    first.close()
    second = open_auditor()
    second.note(events.started("2"))
    assert [one.event.text for one in records(tmp_path)] == ["1", "2"]
    assert verified(tmp_path, second) == []


def test_many_records_make_several_segments_that_follow_from_one_another(tmp_path: Path, open_auditor: Any) -> None:
    auditor = open_auditor(segment_bytes=2_000)
    for event in some_events(40):
        auditor.note(event)
    assert len(segments(tmp_path / "audit")) > 3
    assert verified(tmp_path, auditor) == []


async def test_settled_returns_when_the_disk_has_what_was_noted(open_auditor: Any) -> None:
    auditor = open_auditor()
    auditor.note(events.started("1"))
    assert auditor.on_disk.count == 0
    await auditor.settled()
    assert auditor.on_disk == auditor.state


async def test_who_waits_for_the_disk_at_the_same_time_shares_the_wait(
    open_auditor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor, waits = open_auditor(), []
    monkeypatch.setattr(auditor._log, "sync", lambda: waits.append(auditor.state.count))

    async def work() -> None:
        auditor.note(events.started("1"))
        await auditor.settled()

    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(work())
    assert len(waits) <= 2
    assert auditor.on_disk.count == 50


async def test_a_turn_brings_to_the_disk_what_nobody_waits_for(open_auditor: Any) -> None:
    auditor = open_auditor()
    auditor.note(events.started("1"))
    assert await auditor.sync_turn() > 0
    assert auditor.on_disk.count == 1


async def test_a_signed_head_speaks_only_of_what_lies_on_the_disk(open_auditor: Any) -> None:
    auditor = open_auditor()
    auditor.note(events.started("1"))
    assert auditor.head().count == 0
    await auditor.settled()
    assert auditor.head().count == 1


def test_on_a_full_disk_nothing_is_served_and_the_log_says_so_when_there_is_room_again(
    tmp_path: Path, open_auditor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = open_auditor()
    auditor.note(events.started("1"))

    def full(*_: object) -> None:
        raise SpoolFull("ENOSPC")

    with monkeypatch.context() as patched:
        patched.setattr(auditor._log, "append", full)
        for _ in range(3):
            with pytest.raises(AuditUnavailable):
                auditor.note(some_events(1)[0])
    assert auditor.refused == 3
    auditor.note(events.stopped())
    assert [one.event.kind for one in records(tmp_path)] == [Kind.APPLICATION, Kind.ALERT, Kind.APPLICATION]
    assert "3 requests" in records(tmp_path)[1].event.text
    assert (auditor.refused, verified(tmp_path, auditor)) == (0, [])


async def test_a_disk_that_fails_stops_recording_until_the_node_is_started_again(
    open_auditor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = open_auditor()
    auditor.note(events.started("1"))

    def failing() -> None:
        raise StorageRefused("EIO")

    with monkeypatch.context() as patched:
        patched.setattr(auditor._log, "sync", failing)
        with pytest.raises(AuditUnavailable):
            await auditor.settled()
    with pytest.raises(AuditUnavailable, match="restart"):
        auditor.note(events.stopped())
    with pytest.raises(AuditUnavailable):
        await auditor.settled()
    assert auditor.head().count == 0


def test_a_log_that_has_reached_its_bound_refuses_and_drops_nothing(tmp_path: Path, open_auditor: Any) -> None:
    auditor = open_auditor(segment_bytes=1_000, max_bytes=3_500)

    def fill() -> None:
        for event in some_events(100):
            auditor.note(event)

    with pytest.raises(AuditUnavailable, match=r"audit\.max_gb"):
        fill()
    assert records(tmp_path)[0].number == 1
    assert verified(tmp_path, auditor) == []


async def test_segments_that_are_too_old_are_let_go_and_the_log_says_so(
    tmp_path: Path, open_auditor: Any, clock: ManualClock
) -> None:
    auditor = open_auditor(segment_bytes=1_000, keep_seconds=86_400.0)
    for event in some_events(10):
        auditor.note(event)
    clock.advance(90_000.0)
    for event in some_events(10):
        auditor.note(event)
    await auditor.keep_turn()
    kept = records(tmp_path)
    assert 1 < kept[0].number <= 11
    assert kept[-1].event.kind == Kind.LOG_USED
    assert f"up to {kept[0].number - 1} " in kept[-1].event.text
    assert verified(tmp_path, auditor) == []


def test_a_torn_end_is_set_aside_and_the_log_says_so(tmp_path: Path, open_auditor: Any) -> None:
    first = open_auditor()
    first.note(events.started("1"))
    first.close()
    with segments(tmp_path / "audit")[-1].path.open("ab") as file:
        file.write(b"\0\0\1\0only the beginning of a record")
    second = open_auditor()
    assert [one.event.kind for one in records(tmp_path)] == [Kind.APPLICATION, Kind.ALERT]
    assert verified(tmp_path, second) == []


@pytest.mark.slow
def test_kill_9_loses_nothing_of_what_was_noted(tmp_path: Path) -> None:
    """The child says each number after it was noted, and is killed in the middle of it."""
    program = (
        "import sys; from pathlib import Path; from idas_p2p.access.audit import events;"
        "from idas_p2p.clock import SystemClock; from idas_p2p.crypto.keys import SigningKey, random_bytes;"
        "from idas_p2p.node.audit_settings import AuditSettings; from idas_p2p.node.auditing import Auditor;"
        "a = Auditor(Path(sys.argv[1]), SigningKey(bytes([7]) * 32), clock=SystemClock(), random_bytes=random_bytes,"
        " settings=AuditSettings(segment_bytes=20_000), run=None)\n"
        "while True: a.note(events.started('x')); print(a.state.count, flush=True)"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        with child.stdout as said:
            answered = next(number for line in said if (number := int(line)) >= 1_000)
            os.kill(child.pid, signal.SIGKILL)
            answered = max([answered, *(int(line) for line in said if line.endswith("\n"))])
    finally:
        child.kill()
        child.wait(timeout=10)
    assert records(tmp_path)[-1].number >= answered
    assert verify_log(KEY.node_id, [one.data() for one in segments(tmp_path / "audit")]).is_good
