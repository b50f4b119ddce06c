"""What a retrieval has and knows; the whole of it is tested in test_fetch.py."""

from __future__ import annotations

import asyncio

from idas_p2p.clock import SystemClock
from idas_p2p.errors import ArchiveFailed, DigestMismatch, MalformedInstance
from idas_p2p.exchange.gathering import MAX_UNTAKEN, Gathering
from idas_p2p.wire.fetching import InstanceListed, ListEnd, Mode, Wanted
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total
from tests.exchange.ends import EVERYTHING, Beginning, Spool, digest_of, instance


def gathering(spool: Spool, *, selection: Selection = EVERYTHING, is_true: bool = True) -> Gathering:
    """A retrieval with one holder, whose link is open."""
    made = Gathering(selection, spool, is_true=lambda _: is_true, clock=SystemClock())
    made.shares.opened(made.shares.join(expected=0, now=made.now()), now=made.now())
    return made


def listed(one: Instance) -> InstanceListed:
    return InstanceListed(
        series_uid=one.series_uid,
        sop_class_uid=one.sop_class_uid,
        sop_instance_uid=one.sop_instance_uid,
        transfer_syntax_uid=one.transfer_syntax_uid,
        size=one.data.size,
        digest=digest_of(one.data.read()),
    )


def kept(*instances: Instance) -> Spool:
    return Spool(kept={one.sop_instance_uid: one for one in instances})


def test_what_the_spool_has_of_the_selection_is_here_once_a_holder_lists_it() -> None:
    selection = Selection(study_uid="1.2", sop_instance_uids=("1.2.1.1",))
    made = gathering(kept(instance(1), instance(2)), selection=selection)
    assert not made.is_new
    assert list(made.deliverable()) == []
    for number in (1, 2):
        made.take(0, listed(instance(number)), Mode.LISTED)
    assert [one.sop_instance_uid for one in made.deliverable()] == ["1.2.1.1"]


def test_another_version_in_the_spool_is_dropped_when_the_listed_one_is_wanted() -> None:
    spool = kept(instance(1, b"an older version"))
    made = gathering(spool)
    made.take(0, listed(instance(1)), Mode.LISTED)
    assert made.wants(0, round_trip=0.0) == [Wanted(sop_instance_uid="1.2.1.1", start=0)]
    assert spool.kept == {}


def test_an_instance_is_wanted_from_the_end_of_its_beginning_when_that_is_of_the_same_version() -> None:
    data = b"the data set"
    for digest, start in ((digest_of(data), 4), (bytes(32), 0)):
        made = gathering(Spool(begun={"1.2.1.1": Beginning("1.2.1.1", digest, len(data), data[:4])}))
        made.take(0, listed(instance(1, data)), Mode.LISTED)
        assert made.wants(0, round_trip=0.0) == [Wanted(sop_instance_uid="1.2.1.1", start=start)]


def test_a_data_set_that_is_another_instance_is_dropped_and_its_holder_has_lied() -> None:
    spool = kept(instance(1))
    made = gathering(spool, is_true=False)
    made.take(0, listed(instance(1, b"other")), Mode.ALL)
    made.take(0, instance(1), Mode.ALL)
    assert spool.kept == {}
    assert [type(error) for error in made.shares.failures.values()] == [MalformedInstance]


def test_a_failure_is_kept_with_its_reason() -> None:
    made = gathering(Spool())
    made.take(0, Total(2), Mode.LISTED)
    made.take(0, InstanceFailed(sop_instance_uid="1.2.1.1", reason=DigestMismatch()), Mode.LISTED)
    made.take(0, ListEnd(count=1, code=""), Mode.LISTED)
    assert (made.is_announced, made.shares.was_whole) == (True, True)
    assert [type(error) for error in made.shares.failures.values()] == [DigestMismatch]


def test_a_list_that_broke_off_says_why() -> None:
    made = gathering(Spool())
    made.take(0, ListEnd(count=0, code=ArchiveFailed.code), Mode.LISTED)
    assert ([type(error) for error in made.errors], made.shares.was_whole) == ([ArchiveFailed], False)


def test_nothing_is_wanted_while_the_reader_has_enough_to_take() -> None:
    made = gathering(Spool())
    for number in range(3 * MAX_UNTAKEN):
        made.take(0, listed(instance(number)), Mode.ALL)
        if number < MAX_UNTAKEN:
            made.take(0, instance(number), Mode.ALL)
    assert (made.is_full, made.wants(0, round_trip=0.0)) == (True, [])
    assert len(list(made.deliverable())) == MAX_UNTAKEN
    assert not made.is_full


async def test_whoever_waits_is_told_of_a_change() -> None:
    made = gathering(Spool())
    waiting = asyncio.gather(*(made.wait() for _ in range(3)))
    await asyncio.sleep(0)
    made.tell()
    await waiting
