from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.errors import PeerUnreachable, SpoolFull
from idas_p2p.node import foreign as module
from idas_p2p.node.coercing import Coercing
from idas_p2p.node.embedded import EmbeddedStore
from idas_p2p.node.foreign import CHECK_INTERVAL, ForeignExams, seen
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.feed import FOREIGN
from idas_p2p.store.foreign import PRIOR, ForeignStudies, ForeignStudy
from idas_p2p.store.objects import ObjectStore
from idas_p2p.store.settings import Settings
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.study import Study
from tests.directory.network import ManualClock
from tests.node.nodes import STUDY, make_instance
from tests.store.makers import make_study

SHOWN = make_study(STUDY)
EXAM = ForeignStudy(
    study_uid=STUDY,
    node=bytes(32),
    institution="City Hospital",
    why=PRIOR,
    instances=2,
    seen=seen(SHOWN),
    checked_at=1_800_000_000.0,
    expires=1_800_100_000.0,
)


class Kept:
    """Kept exams, and where they lie."""

    def __init__(self, database: Database, folder: Path, bridge: Bridge, clock: ManualClock) -> None:
        self.catalog, self.studies = Catalog(database), ForeignStudies(database)
        self.objects = ObjectStore(folder / "objects", database)
        self.embedded = EmbeddedStore(self.objects, self.catalog, bridge=bridge, clock=clock)
        self.exams = ForeignExams(
            self.studies,
            self.objects,
            self.embedded,
            self.catalog,
            coercing=Coercing(Settings(database), system="Lake Clinic"),
            bridge=bridge,
            clock=clock,
        )
        self.fetched = list[ForeignStudy]()

    async def keep(self, *events: RetrieveEvent) -> tuple[int, int]:
        async def source() -> AsyncIterator[RetrieveEvent]:
            for event in events:
                yield event

        report = await self.exams.keep(EXAM, source())
        return report.completed, report.failed

    async def turn(self, shown: Study | Exception | None, *, is_member: bool = True) -> None:
        async def ask(node: NodeId, study_uid: str) -> Study | None:
            if isinstance(shown, Exception):
                raise shown
            return shown

        async def fetch(exam: ForeignStudy) -> None:
            self.fetched.append(exam)

        await self.exams.turn(ask, fetch, lambda node: is_member)

    @property
    def archives(self) -> list[str]:
        return [entry.archive for entry in self.catalog.entries(STUDY)]


@pytest.fixture
def kept(database: Database, tmp_path: Path, bridge: Bridge, clock: ManualClock) -> Kept:
    return Kept(database, tmp_path, bridge, clock)


async def test_an_exam_is_known_as_anothers_also_after_a_restart(
    kept: Kept, database: Database, tmp_path: Path, bridge: Bridge, clock: ManualClock
) -> None:
    assert await kept.keep(Total(2), make_instance(1), make_instance(2)) == (2, 0)
    assert kept.archives == [FOREIGN]
    again = Kept(database, tmp_path, bridge, clock)
    await again.embedded.reconcile()
    assert again.archives == [FOREIGN]
    assert again.exams.is_kept(STUDY)
    assert not again.exams.is_ours(STUDY)


async def test_what_did_not_come_is_said(kept: Kept) -> None:
    lost = InstanceFailed(sop_instance_uid="9", reason=PeerUnreachable())
    assert await kept.keep(Total(3), make_instance(1), lost) == (1, 2)


async def test_an_exam_that_is_too_large_is_not_kept(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EXAM", 1_500)
    with pytest.raises(SpoolFull):
        await kept.keep(Total(2), make_instance(1), make_instance(2))


@pytest.mark.parametrize("reason", ["expired", "no member", "withdrawn", "held here"])
async def test_an_exam_goes_with_its_images_when_there_is_no_reason_to_keep_it(
    kept: Kept, clock: ManualClock, reason: str
) -> None:
    await kept.keep(Total(1), make_instance(1))
    clock.advance(200_000.0 if reason == "expired" else CHECK_INTERVAL)
    if reason == "held here":
        kept.catalog.record("pacs", [SHOWN], now=1.0)
    await kept.turn(None if reason == "withdrawn" else SHOWN, is_member=reason != "no member")
    assert FOREIGN not in kept.archives
    assert kept.objects.instances(Selection(study_uid=STUDY)) == []
    assert kept.exams.all() == []


async def test_an_exam_stays_while_its_source_does_not_answer_or_shows_the_same(kept: Kept, clock: ManualClock) -> None:
    await kept.keep(Total(1), make_instance(1))
    for shown in (PeerUnreachable(), SHOWN):
        clock.advance(CHECK_INTERVAL)
        await kept.turn(shown)
        assert kept.archives == [FOREIGN]
    assert kept.fetched == []


async def test_an_exam_that_its_source_changed_comes_anew(kept: Kept, clock: ManualClock) -> None:
    await kept.keep(Total(1), make_instance(1))
    changed = replace(SHOWN, instance_count=9)
    await kept.turn(changed)
    assert kept.fetched == []  # it was compared lately
    clock.advance(CHECK_INTERVAL)
    await kept.turn(changed)
    (wanted,) = kept.fetched
    assert (wanted.study_uid, wanted.instances, wanted.seen) == (STUDY, 9, seen(changed))
    assert kept.archives == []
