from __future__ import annotations

from idas_p2p.errors import ArchiveFailed
from idas_p2p.node.wanted import Wanted
from idas_p2p.wire.instance import InstanceFailed, Selection, Total
from tests.node.nodes import STUDY, make_instance


def named(failures: list[InstanceFailed]) -> list[str]:
    return [failure.sop_instance_uid for failure in failures]


def test_an_instance_that_was_named_and_never_came_is_missing() -> None:
    first, second = make_instance(1), make_instance(2)
    uids = (first.sop_instance_uid, second.sop_instance_uid, "1.9", "1.8")
    wanted = Wanted(Selection(study_uid=STUDY, sop_instance_uids=uids))
    for event in (Total(3), first, InstanceFailed(sop_instance_uid="1.8", reason=ArchiveFailed())):
        wanted.note(event)
    assert named(wanted.missing()) == [second.sop_instance_uid, "1.9"]


def test_a_series_of_which_nothing_came_is_missing_without_a_name() -> None:
    one = make_instance(1)
    wanted = Wanted(Selection(study_uid=STUDY, series_uids=(one.series_uid, "1.2.9")))
    wanted.note(one)
    assert named(wanted.missing()) == [""]


def test_nothing_is_missing_of_a_whole_study_nor_of_a_series_that_may_have_failed() -> None:
    assert Wanted(Selection(study_uid=STUDY)).missing() == []
    wanted = Wanted(Selection(study_uid=STUDY, series_uids=("1.2.9",)))
    wanted.note(InstanceFailed(sop_instance_uid="1.2.9.1", reason=ArchiveFailed()))
    assert wanted.missing() == []
