"""Two nodes watch one another's logs: neither can rewrite its own unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.audit import events
from idas_p2p.access.audit.verify import Fault, verify_log
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.errors import Busy
from idas_p2p.exchange.answer import ControlServer
from idas_p2p.exchange.control import ControlLink
from idas_p2p.exchange.logs import compare_logs
from idas_p2p.node.audit_settings import AuditSettings
from idas_p2p.node.auditing import Auditor
from idas_p2p.node.witnessing import RESERVED, LogWitness
from idas_p2p.store.audit_log import segments
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.memory import make_pair
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord, Event
from idas_p2p.wire.audit_messages import MAX_DIGESTS
from idas_p2p.wire.schema import decode
from tests.access.audit.logs import some_events
from tests.directory.network import ManualClock
from tests.exchange.ends import CURRENT, Catalog, Roster, some_hits


async def run(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(function, *arguments)


class Keeper:
    """A node, as far as its log goes."""

    def __init__(self, folder: Path, key: SigningKey, clock: ManualClock, **settings: Any) -> None:
        self.folder, self.key, self.clock, self.settings = folder, key, clock, settings
        self.open()

    def open(self) -> None:
        self.auditor = Auditor(
            self.folder,
            self.key,
            clock=self.clock,
            random_bytes=random_bytes,
            settings=AuditSettings(**self.settings),
            run=run,
        )
        self.witness = LogWitness(self.key, self.auditor, name_of=lambda _: "Lake Clinic", run=run, clock=self.clock)

    async def note(self, *noted: Event) -> None:
        for event in noted:
            self.auditor.note(event)
        await self.auditor.settled()

    def records(self) -> list[AuditRecord]:
        frames = [frame for segment in segments(self.folder / "audit") for frame in segment.frames()]
        return [decode(AuditRecord, frame.body, max_size=MAX_RECORD_BYTES) for frame in frames]

    def alerts(self) -> list[str]:
        return [one.event.text for one in self.records() if one.event.reason == "audit_contradicted"]

    def wipe(self) -> None:
        """Begin the log anew, as whoever owns the machine and its key can."""
        self.auditor.close()
        for segment in segments(self.folder / "audit"):
            segment.path.unlink()
        self.open()


@pytest.fixture
def two(tmp_path: Path, clock: ManualClock) -> tuple[Keeper, Keeper]:
    return (
        Keeper(tmp_path / "anna", SigningKey(bytes([1]) * 32), clock),
        Keeper(tmp_path / "berg", SigningKey(bytes([2]) * 32), clock),
    )


@asynccontextmanager
async def linked(asker: Keeper, answerer: Keeper) -> AsyncIterator[ControlLink]:
    """A control link from one to the other."""
    roster, tasks = Roster(members={asker.key.node_id}), TaskOwner(limit=8)
    near, far = make_pair(one=asker.key.node_id, other=answerer.key.node_id, psk_id=CURRENT)
    server = ControlServer(
        far, membership=roster, source=Catalog(some_hits), requester_of=roster.requester_of, witness=answerer.witness
    )
    tasks.start("server", server.serve())
    link = ControlLink(near, tasks=tasks)
    await link.open(roster.epoch, b"")
    try:
        yield link
    finally:
        await link.close()
        await tasks.stop()


async def compare(asker: Keeper, answerer: Keeper) -> None:
    async with linked(asker, answerer) as link, asyncio.timeout(10):
        await compare_logs(link.ask, answerer.key.node_id, asker.witness)


async def test_both_sides_get_the_others_head_and_a_receipt_for_their_own(two: tuple[Keeper, Keeper]) -> None:
    anna, berg = two
    await anna.note(*some_events(3))
    await berg.note(*some_events(5))
    for _ in range(2):
        await compare(anna, berg)
    for one, other, count in ((anna, berg, 5), (berg, anna, 3)):
        log = (await one.witness.logs())[other.key.node_id]
        assert log.theirs is not None
        assert log.receipt is not None
        assert (log.theirs.count, log.receipt.head.count, log.doubts) == (count, 8 - count, 0)
        assert one.alerts() == []


async def test_logs_that_grow_stay_believed_also_over_several_segments(tmp_path: Path, clock: ManualClock) -> None:
    anna = Keeper(tmp_path / "anna", SigningKey(bytes([1]) * 32), clock, segment_bytes=2_000)
    berg = Keeper(tmp_path / "berg", SigningKey(bytes([2]) * 32), clock)
    await anna.note(*some_events(3))
    await compare(anna, berg)
    anna.auditor.close()
    await berg.note(*some_events(1))
    anna.open()  # nothing of the last records is in memory now
    await anna.note(*some_events(40))
    anna.auditor.close()
    anna.open()
    assert len(segments(anna.folder / "audit")) > 2
    await compare(berg, anna)
    log = (await berg.witness.logs())[anna.key.node_id]
    assert log.theirs is not None
    assert (log.theirs.count, log.doubts) == (43, 0)


async def test_more_records_than_one_step_shows_take_several(two: tuple[Keeper, Keeper]) -> None:
    anna, berg = two
    await anna.note(events.started("1"))
    await compare(anna, berg)
    await anna.note(*[events.started("2")] * (MAX_DIGESTS + 5))
    counts = []
    for _ in range(2):
        await compare(anna, berg)
        log = (await berg.witness.logs())[anna.key.node_id]
        assert log.theirs is not None
        counts.append((log.theirs.count, log.doubts))
    assert counts == [(MAX_DIGESTS + 1, 0), (MAX_DIGESTS + 6, 0)]


@pytest.mark.parametrize("records", [1, 3, 7])
async def test_a_log_rewritten_by_its_own_node_is_noticed_by_the_peer_and_both_say_so(
    two: tuple[Keeper, Keeper], records: int
) -> None:
    anna, berg = two
    await anna.note(*some_events(3))
    await compare(anna, berg)
    anna.wipe()
    await anna.note(*some_events(10)[-records:])
    await compare(anna, berg)
    log = (await berg.witness.logs())[anna.key.node_id]
    assert log.doubts == 1
    assert log.doubt == ("cut" if records < 3 else "rewritten")
    assert len(berg.alerts()) == 1
    assert len(anna.alerts()) == 1


async def test_a_receipt_shows_the_owner_that_its_log_was_cut(two: tuple[Keeper, Keeper]) -> None:
    anna, berg = two
    await anna.note(*some_events(3))
    await compare(anna, berg)
    receipt = (await anna.witness.logs())[berg.key.node_id].receipt
    assert receipt is not None
    anna.wipe()
    await anna.note(*some_events(2))
    data = [segment.data() for segment in segments(anna.folder / "audit")]
    assert [one.fault for one in verify_log(anna.key.node_id, data, [], [receipt]).findings] == [Fault.CUT]


async def test_what_is_not_on_the_disk_is_told_to_nobody(two: tuple[Keeper, Keeper]) -> None:
    anna, berg = two
    await anna.note(events.started("1"))
    anna.auditor.note(events.started("2"))
    await compare(anna, berg)
    log = (await berg.witness.logs())[anna.key.node_id]
    assert log.theirs is not None
    assert log.theirs.count == 1


async def test_one_comparison_with_a_peer_is_under_way_at_a_time(
    two: tuple[Keeper, Keeper], clock: ManualClock
) -> None:
    anna, berg = two
    berg.witness.reserve(anna.key.node_id)
    with pytest.raises(Busy):
        await compare(anna, berg)
    clock.advance(RESERVED)  # whoever began it never came to its end
    await compare(anna, berg)


async def test_a_turn_goes_through_all_links_whatever_one_of_them_does(two: tuple[Keeper, Keeper]) -> None:
    anna, berg = two
    await berg.note(*some_events(2))
    async with linked(anna, berg) as closed, linked(anna, berg) as link:
        await closed.close()
        await anna.witness.turn([closed, link])
    assert [log.theirs.count for log in (await anna.witness.logs()).values() if log.theirs] == [2]


async def test_digests_of_equal_events_differ_so_that_a_peer_cannot_guess_what_was_recorded(
    two: tuple[Keeper, Keeper],
) -> None:
    anna, _ = two
    await anna.note(events.started("1"), *[events.stopped()] * 5)
    growth = await anna.auditor.growth(1)
    assert len({growth.digests[at : at + 32] for at in range(0, 160, 32)}) == 5
