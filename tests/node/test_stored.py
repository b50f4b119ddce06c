"""What devices store is on record, in two records for each study."""

from __future__ import annotations

import pytest

from idas_p2p.access.audit.events import Device
from idas_p2p.errors import AuditUnavailable
from idas_p2p.node.stored import MAX_OPEN, QUIET, StoredStudies
from idas_p2p.wire.audit import By, Event, Kind, Outcome, Side
from idas_p2p.wire.study import Study
from tests.directory.network import ManualClock

SCANNER = Device("CT1", "192.0.2.4")
STUDY = Study(study_uid="1.2.3", patient_id="P1")


@pytest.fixture
def noted() -> list[Event]:
    return []


@pytest.fixture
def stored(noted: list[Event], clock: ManualClock) -> StoredStudies:
    return StoredStudies(noted.append, clock, {"1.2.3": STUDY}.get)


def test_the_first_image_is_on_record_at_once_and_the_study_when_no_more_comes(
    stored: StoredStudies, noted: list[Event], clock: ManualClock
) -> None:
    for size in (10, 20, 30):
        stored.add(SCANNER, "1.2.3", size=size)
        clock.advance(QUIET - 1)
        stored.turn()
    assert [(one.kind, one.side, one.by, one.aet) for one in noted] == [
        (Kind.BEGIN_TRANSFER, Side.NONE, By.TITLE, "CT1")
    ]
    assert noted[0].subjects[0].patient_id == "P1"
    clock.advance(1)
    stored.turn()
    assert (noted[1].kind, noted[1].instances, noted[1].failed, noted[1].size) == (Kind.TRANSFERRED, 3, 0, 60)
    stored.add(SCANNER, "1.2.3", size=1)
    assert len(noted) == 3


def test_each_device_and_study_has_its_own_and_what_failed_is_counted(
    stored: StoredStudies, noted: list[Event]
) -> None:
    stored.add(SCANNER, "1.2.3", size=1)
    stored.add(SCANNER, "9.9", size=0, is_stored=False)
    stored.add(Device("CT2"), "1.2.3", size=1)
    stored.close()
    ended = [one for one in noted if one.kind == Kind.TRANSFERRED]
    assert [(one.aet, one.instances, one.failed) for one in ended] == [("CT1", 1, 0), ("CT1", 0, 1), ("CT2", 1, 0)]
    assert ended[1].outcome != Outcome.SUCCESS


def test_what_comes_at_once_is_bounded(stored: StoredStudies, noted: list[Event]) -> None:
    for number in range(MAX_OPEN + 5):
        stored.add(SCANNER, f"1.{number}", size=1)
    assert len([one for one in noted if one.kind == Kind.TRANSFERRED]) == 5


def test_nothing_is_stored_unrecorded(clock: ManualClock) -> None:
    def refuse(event: Event) -> None:
        raise AuditUnavailable

    with pytest.raises(AuditUnavailable):
        StoredStudies(refuse, clock, {}.get).add(SCANNER, "1.2.3", size=1)
