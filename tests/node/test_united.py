from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from idas_p2p.errors import (
    ArchiveFailed,
    ArchiveUnreachable,
    IdasError,
    InstanceChanged,
    MalformedInstance,
    StudyNotFound,
)
from idas_p2p.node.united import Holder, united
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.node.nodes import data_of, failed_in, total_of
from tests.node.shelving import STUDY, WHOLE, Archive, image


class Source(Archive):
    """An archive that lists what it has, or cannot list at all."""

    def __init__(self, *events: RetrieveEvent | IdasError, lists: bool = True) -> None:
        super().__init__(events)
        self.lists = lists

    def fetch(self, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        return self.pull(selection)

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        if not self.lists:
            raise ArchiveFailed("it does not support this level")
        return [(one.series_uid, one.sop_instance_uid) for one in self.events if isinstance(one, Instance)]

    def find_studies(self, query: StudyQuery) -> AsyncIterator[Study]:
        raise NotImplementedError


def holders(*sources: Source, counts: tuple[int, ...] = (9, 9, 9)) -> list[Holder]:
    return [Holder(f"archive {number}", source, counts[number]) for number, source in enumerate(sources)]


async def events_of(
    *sources: Source, selection: Selection = WHOLE, counts: tuple[int, ...] = (9, 9, 9)
) -> list[RetrieveEvent]:
    return [event async for event in united(holders(*sources, counts=counts), selection)]


ONE, TWO, THREE, FOUR = (image(number) for number in range(1, 5))
LOST = InstanceFailed(sop_instance_uid=TWO.sop_instance_uid, reason=MalformedInstance())


def uids(*instances: Instance) -> list[str]:
    return [one.sop_instance_uid for one in instances]


async def test_only_what_is_missing_is_asked_of_the_next_archive() -> None:
    first, second = Source(Total(2), ONE, TWO), Source(Total(1), TWO, THREE)
    events = await events_of(first, second)
    assert list(data_of(events)) == uids(ONE, TWO, THREE)
    assert total_of(events) == 3
    assert (len(first.asked), [asked.sop_instance_uids for asked in second.asked]) == (1, [tuple(uids(THREE))])


async def test_an_archive_with_nothing_more_is_not_asked_for_images() -> None:
    first, second = Source(Total(2), ONE, TWO), Source(Total(2), ONE, TWO)
    assert total_of(await events_of(first, second)) == 2
    assert second.asked == []


async def test_three_archives_make_one_study() -> None:
    events = await events_of(Source(ONE), Source(ONE, TWO), Source(Total(1), TWO, THREE, FOUR))
    assert (list(data_of(events)), total_of(events)) == (uids(ONE, TWO, THREE, FOUR), 4)


async def test_what_one_archive_lost_comes_from_another() -> None:
    events = await events_of(Source(Total(2), ONE, LOST), Source(Total(1), TWO))
    assert (list(data_of(events)), failed_in(events), total_of(events)) == (uids(ONE, TWO), [], 2)
    events = await events_of(Source(Total(2), ONE, LOST), Source(Total(1), ONE))
    assert (list(data_of(events)), failed_in(events), total_of(events)) == (uids(ONE), uids(TWO), 2)


async def test_an_instance_that_changed_after_it_was_given_is_said() -> None:
    changed = InstanceFailed(sop_instance_uid=ONE.sop_instance_uid, reason=InstanceChanged())
    events = await events_of(Source(Total(2), ONE, TWO, changed), Source(ONE))
    assert (list(data_of(events)), failed_in(events), total_of(events)) == (uids(ONE, TWO), uids(ONE), 2)


async def test_an_instance_without_a_name_stays_lost() -> None:
    nameless = InstanceFailed(sop_instance_uid="", reason=MalformedInstance())
    events = await events_of(Source(Total(3), ONE, nameless, nameless))
    assert (failed_in(events), total_of(events)) == (["", ""], 3)


@pytest.mark.parametrize("counts", [(1, 2), (1, 1)])
async def test_an_archive_that_cannot_list_is_asked_for_all_only_when_it_counts_more(counts: tuple[int, ...]) -> None:
    second = Source(Total(2), ONE, TWO, lists=False)
    events = await events_of(Source(Total(1), ONE), second, counts=counts)
    assert list(data_of(events)) == (uids(ONE, TWO) if counts == (1, 2) else uids(ONE))
    assert len(second.asked) == counts[1] - 1


async def test_only_the_selected_is_united() -> None:
    other = image(7, series=2)
    wanted = Selection(study_uid=STUDY, series_uids=(other.series_uid,))
    second = Source(Total(1), TWO, other)
    events = await events_of(Source(Total(1), image(6, series=2)), second, selection=wanted)
    assert list(data_of(events)) == uids(image(6, series=2), other)


async def test_what_the_next_archive_lists_and_does_not_give_is_named_as_lost() -> None:
    second = Source(TWO, ArchiveUnreachable(), THREE)
    events = await events_of(Source(Total(1), ONE), second)
    assert list(data_of(events)) == uids(ONE, TWO)
    assert [(one.sop_instance_uid, type(one.reason)) for one in events if isinstance(one, InstanceFailed)] == [
        (THREE.sop_instance_uid, ArchiveUnreachable)
    ]
    assert total_of(events) == 3


async def test_the_total_follows_the_archive_that_had_all() -> None:
    events = await events_of(Source(Total(5), ONE, ArchiveFailed()), Source(Total(2), ONE, TWO))
    assert (list(data_of(events)), total_of(events)) == (uids(ONE, TWO), 2)


async def test_a_study_that_no_archive_gives_is_not_found_and_the_last_failure_is_told() -> None:
    with pytest.raises(StudyNotFound):
        await events_of(Source(Total(0)), Source(Total(0)))
    with pytest.raises(ArchiveUnreachable):
        await events_of(Source(ArchiveFailed()), Source(ONE, ArchiveUnreachable()))
