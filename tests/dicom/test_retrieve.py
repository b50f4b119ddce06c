from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.dicom.retrieve import DeliveryReport, Outcome, failed_uid_list, final_status
from idas_p2p.errors import ArchiveUnreachable, UnknownDestination


def report(*outcomes: Outcome, total: int | None = None) -> DeliveryReport:
    made = DeliveryReport().with_total(len(outcomes) if total is None else total)
    for number, outcome in enumerate(outcomes):
        made = made.with_outcome(outcome, f"1.{number}", size=10)
    return made


C, F, W = Outcome.COMPLETED, Outcome.FAILED, Outcome.WARNING


@given(st.lists(st.sampled_from(list(Outcome))), st.integers(0, 20))
def test_the_counters_always_add_up_to_the_total(outcomes: list[Outcome], total: int) -> None:
    made = report(*outcomes, total=total)
    assert made.completed + made.failed + made.warning + made.remaining == made.total
    done = made.finished()
    assert done.completed + done.failed + done.warning == done.total


@given(st.lists(st.sampled_from(list(Outcome))), st.integers(0, 20))
def test_success_means_that_every_instance_was_delivered(outcomes: list[Outcome], total: int) -> None:
    made = report(*outcomes, total=total).finished()
    assert (final_status(made) == 0) == (made.completed == made.total)


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (report(C, C), 0x0000),
        (report(C, F), 0xB000),
        (report(C, W), 0xB000),
        (report(W), 0xB000),
        (report(F, F), 0xA702),
        (report(C, total=2).finished(), 0xB000),
        (report(total=2).finished(), 0xA702),
    ],
)
def test_the_final_status_is_that_of_the_tables(made: DeliveryReport, status: int) -> None:
    assert final_status(made) == status


def test_an_error_before_anything_was_delivered_has_its_own_status() -> None:
    assert final_status(report(total=0), error=UnknownDestination()) == 0xA801


def test_an_error_after_something_was_delivered_is_a_warning_about_the_rest() -> None:
    assert final_status(report(C, total=3).finished(), error=ArchiveUnreachable()) == 0xB000


def test_an_error_is_never_success_even_when_all_was_delivered() -> None:
    assert final_status(report(C), error=ArchiveUnreachable()) == 0xB000


def test_cancellation_is_told_as_such() -> None:
    assert final_status(report(C, total=3), cancelled=True) == 0xFE00


def test_bytes_count_only_what_was_delivered() -> None:
    assert report(C, F, W).bytes == 20


def test_a_total_is_never_less_than_what_is_done() -> None:
    assert report(C, C).with_total(1).total == 2


def test_the_list_of_failed_instances_fits_one_attribute() -> None:
    made = DeliveryReport(failed_uids=tuple(f"1.{number}" for number in range(30_000)))
    assert 60_000 < sum(len(uid) + 1 for uid in failed_uid_list(made)) <= 65_534
