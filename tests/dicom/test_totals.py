from __future__ import annotations

from idas_p2p.dicom.totals import Totals
from idas_p2p.errors import ArchiveFailed
from idas_p2p.wire.instance import InstanceFailed, Total


def failed(number: int) -> InstanceFailed:
    return InstanceFailed(sop_instance_uid=f"1.{number}", reason=ArchiveFailed())


def test_a_total_is_said_once_and_again_only_when_it_grows() -> None:
    totals = Totals()
    assert totals.shown(Total(2)) == [Total(2)]
    assert totals.shown(Total(2)) == totals.shown(Total(1)) == []
    assert totals.shown(Total(3)) == [Total(3)]


def test_an_event_without_a_total_before_it_is_counted_first() -> None:
    totals, event = Totals(), failed(1)
    assert totals.shown(event) == [Total(1), event]


def test_the_totals_of_several_requests_add_up() -> None:
    totals = Totals()
    totals.shown(Total(2))
    assert totals.end_part() == []
    assert totals.shown(Total(5)) == [Total(7)]


def test_a_request_that_brings_nothing_still_has_a_total() -> None:
    assert Totals().end_part() == [Total(0)]
