from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.errors import InstanceChanged, LocalError
from idas_p2p.node.keeping import Keeping, Memory, Reader
from idas_p2p.node.shelf import Shelf
from idas_p2p.store.database import Database
from idas_p2p.store.spool import Spool
from idas_p2p.wire.instance import InstanceFailed, RetrieveEvent, Selection, Total
from tests.node.nodes import data_of, failed_in
from tests.node.shelving import WHOLE, Archive, image, renamed

FIRST = image(1)


@pytest.fixture
def spool(database: Database, tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", database, max_bytes=1_000_000)


@asynccontextmanager
async def pulled(spool: Spool, bridge: Bridge, archive: Archive) -> AsyncIterator[Shelf]:
    """A shelf whose pull has ended."""
    shelf = Shelf(WHOLE, archive.pull, Keeping(spool.scratch(), bridge, Memory(2_000)))
    await shelf.run()
    yield shelf
    shelf.close()


async def read(shelf: Shelf, **more: tuple[str, ...]) -> list[RetrieveEvent]:
    reader = Reader(replace(WHOLE, **more), keeps=False)  # type: ignore[arg-type]
    return [event async for event in shelf.read(reader)]


async def test_an_instance_that_changed_after_it_came_is_given_to_nobody_else(spool: Spool, bridge: Bridge) -> None:
    changed = InstanceFailed(sop_instance_uid=FIRST.sop_instance_uid, reason=InstanceChanged())
    async with pulled(spool, bridge, Archive([Total(2), FIRST, image(2), changed])) as shelf:
        events = await read(shelf)
        assert list(data_of(events)) == [image(2).sop_instance_uid]
        assert [type(one.reason) for one in events if isinstance(one, InstanceFailed)] == [InstanceChanged]
        with pytest.raises(InstanceChanged):
            await shelf.instance(FIRST.sop_instance_uid)


@pytest.mark.parametrize("now", [None, renamed(FIRST, b"longer" * 1_000), renamed(FIRST, b"\1" * 999 + b"\2")])
async def test_an_instance_let_go_is_lost_when_the_archive_no_longer_has_the_same(
    spool: Spool, bridge: Bridge, now: RetrieveEvent | None
) -> None:
    archive = Archive([Total(2), FIRST, image(2)])
    async with pulled(spool, bridge, archive) as shelf:
        assert shelf._keeping.let_go([])
        assert shelf._slots[FIRST.sop_instance_uid].instance is None
        assert (await shelf.instance(FIRST.sop_instance_uid)).data.read() == FIRST.data.read()
        archive.events = [Total(1), *([now] if now else [])]
        with pytest.raises(InstanceChanged):
            await shelf.instance(FIRST.sop_instance_uid)
        assert failed_in(await read(shelf)) == [FIRST.sop_instance_uid]


async def test_failed_instances_are_shown_to_those_who_may_have_wanted_them(spool: Spool, bridge: Bridge) -> None:
    lost = InstanceFailed(sop_instance_uid="1.2.3.1.9", reason=InstanceChanged())
    async with pulled(spool, bridge, Archive([Total(2), FIRST, lost])) as shelf:
        assert failed_in(await read(shelf, sop_instance_uids=("1.2.3.1.9",))) == ["1.2.3.1.9"]
        assert failed_in(await read(shelf, sop_instance_uids=(FIRST.sop_instance_uid,))) == []
        assert failed_in(await read(shelf, series_uids=(FIRST.series_uid,))) == ["1.2.3.1.9"]


async def test_a_bug_in_a_pull_ends_its_readers(spool: Spool, bridge: Bridge) -> None:
    class Broken(Archive):
        async def pull(self, selection: Selection) -> AsyncIterator[RetrieveEvent]:  # type: ignore[override]
            yield FIRST
            raise ZeroDivisionError

    async with pulled(spool, bridge, Broken([])) as shelf:
        with pytest.raises(LocalError):
            await read(shelf)


def numbers(events: Sequence[RetrieveEvent]) -> list[int]:
    return [event.count for event in events if isinstance(event, Total)]


async def test_who_wants_a_part_is_told_how_many_came_of_it(spool: Spool, bridge: Bridge) -> None:
    async with pulled(spool, bridge, Archive([Total(3), FIRST, image(2), image(3)])) as shelf:
        wanted = (FIRST.sop_instance_uid, image(3).sop_instance_uid)
        assert numbers(await read(shelf, sop_instance_uids=wanted)) == [1, 2]
        assert numbers(await read(shelf)) == [3]
