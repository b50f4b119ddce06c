from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from idas_p2p.dicom import commitment
from idas_p2p.dicom.commitment import (
    ALL_COMMITTED,
    SOME_FAILED,
    Answered,
    Reason,
    Reference,
    Requested,
    answered_dataset,
    answered_from,
    asked_dataset,
    asked_from,
)
from idas_p2p.errors import BadQuery

CT = "1.2.840.10008.5.1.4.1.1.2"
ONE, TWO = Reference(CT, "1.2.3.1"), Reference(CT, "1.2.3.2")


def test_a_request_is_read_as_it_was_written() -> None:
    asked = Requested(transaction_uid="2.25.7", references=(ONE, TWO))
    assert asked_from(asked_dataset(asked)) == asked


def test_an_instance_named_twice_is_asked_for_once() -> None:
    assert asked_from(asked_dataset(Requested(transaction_uid="2.25.7", references=(ONE, ONE)))).references == (ONE,)


def test_a_report_is_read_as_it_was_written_and_says_whom_to_ask() -> None:
    answered = Answered(transaction_uid="2.25.7", committed=(ONE,), failed=((TWO, Reason.NO_SUCH_INSTANCE),))
    written = answered_dataset(answered, retrieve_aet="NODE")
    assert answered_from(written) == answered
    assert written.RetrieveAETitle == "NODE"


def test_the_event_says_whether_everything_is_safe() -> None:
    assert Answered(transaction_uid="2.25.7", committed=(ONE,)).event_type == ALL_COMMITTED
    assert Answered(transaction_uid="2.25.7", failed=((ONE, 0x0112),)).event_type == SOME_FAILED


def test_a_request_without_instances_or_names_is_refused() -> None:
    with pytest.raises(BadQuery):
        asked_from(Dataset())
    with pytest.raises(BadQuery):
        asked_from(asked_dataset(Requested(transaction_uid="2.25.7", references=())))
    with pytest.raises(BadQuery):
        asked_from(asked_dataset(Requested(transaction_uid="2.25.7", references=(Reference(CT, ""),))))
    nameless = Dataset()
    nameless.ReferencedSOPSequence = asked_dataset(
        Requested(transaction_uid="1", references=(ONE,))
    ).ReferencedSOPSequence
    with pytest.raises(BadQuery):
        asked_from(nameless)


def test_a_request_for_too_much_at_once_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commitment, "MAX_REFERENCES", 1)
    with pytest.raises(BadQuery):
        asked_from(asked_dataset(Requested(transaction_uid="2.25.7", references=(ONE, TWO))))


def test_a_report_without_a_reason_is_a_processing_failure() -> None:
    ds = answered_dataset(Answered(transaction_uid="2.25.7", failed=((ONE, 1),)), retrieve_aet="NODE")
    del ds.FailedSOPSequence[0].FailureReason
    assert answered_from(ds).failed == ((ONE, Reason.PROCESSING_FAILURE),)


def test_nothing_of_it_prints_what_it_names() -> None:
    answered = Answered(transaction_uid="2.25.7", committed=(ONE,))
    assert "1.2.3" not in repr((ONE, answered, Requested(transaction_uid="2.25.7", references=(ONE,))))
