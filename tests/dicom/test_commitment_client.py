from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from pynetdicom import evt

from idas_p2p.dicom.commitment import (
    PUSH_INSTANCE,
    PUSH_MODEL,
    Answered,
    Reference,
    Requested,
    answered_dataset,
    answered_from,
    asked_from,
)
from idas_p2p.dicom.commitment_client import ask_commitment, tell_commitment
from idas_p2p.dicom.dialogue import Stop
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable
from tests.dicom.archives import remote, serving
from tests.dicom.memory_node import CT, EXPLICIT

ONE = Reference(CT, "1.2.3.4.1")
ASKED = Requested(transaction_uid="2.25.7", references=(ONE,))
ANSWERED = Answered(transaction_uid="2.25.7", committed=(ONE,))
PATIENCE = 30.0  # seconds


def archive(stack: ExitStack, on_action: Callable[[Any], tuple[int, None]], *more: Any) -> int:
    return stack.enter_context(serving("PACS", [(PUSH_MODEL, [EXPLICIT])], [(evt.EVT_N_ACTION, on_action), *more]))


def reporting(answered: Answered, said: list[int]) -> Callable[[Any], tuple[int, None]]:
    """An archive that reports on the association that asked, as soon as it has answered."""

    def report(assoc: Any) -> None:
        ds = answered_dataset(answered, retrieve_aet="PACS")
        status, _ = assoc.send_n_event_report(ds, answered.event_type, PUSH_MODEL, PUSH_INSTANCE)
        said.append(status.Status)

    def on_action(event: Any) -> tuple[int, None]:
        threading.Timer(1.5, report, [event.assoc]).start()  # long after the answer has gone
        return 0x0000, None

    return on_action


def test_a_report_on_the_same_association_is_taken_and_acknowledged() -> None:
    said: list[int] = []
    with ExitStack() as stack:
        port = archive(stack, reporting(ANSWERED, said))
        assert ask_commitment(remote("PACS", port), ASKED, Stop(), wait=PATIENCE) == ANSWERED


def test_a_report_of_another_request_is_refused() -> None:
    other = Answered(transaction_uid="2.25.8", committed=(ONE,))
    with ExitStack() as stack:
        port = archive(stack, reporting(other, []))
        with pytest.raises(ArchiveFailed, match="another request"):
            ask_commitment(remote("PACS", port), ASKED, Stop(), wait=PATIENCE)


def test_an_archive_may_report_later() -> None:
    asked: list[Requested] = []

    def on_action(event: Any) -> tuple[int, None]:
        asked.append(asked_from(event.action_information))
        return 0x0000, None

    with ExitStack() as stack:
        port = archive(stack, on_action)
        assert ask_commitment(remote("PACS", port), ASKED, Stop(), wait=0.01) is None
    assert asked == [ASKED]


def test_a_refusal_is_told_with_its_status() -> None:
    with ExitStack() as stack:
        port = archive(stack, lambda _: (0x0112, None))
        with pytest.raises(ArchiveFailed, match="0x0112"):
            ask_commitment(remote("PACS", port), ASKED, Stop())


def test_a_requestor_is_told_over_an_association_of_ours_in_our_role() -> None:
    told: list[Answered] = []

    def on_report(event: Any) -> tuple[int, None]:
        told.append(answered_from(event.event_information))
        return 0x0000, None

    with ExitStack() as stack:
        port = archive(stack, lambda _: (0x0000, None), (evt.EVT_N_EVENT_REPORT, on_report))
        tell_commitment(remote("PACS", port), ANSWERED, Stop())
    assert told == [ANSWERED]


def test_a_requestor_that_does_not_take_the_report_is_an_error() -> None:
    with ExitStack() as stack:
        refuses = (evt.EVT_N_EVENT_REPORT, lambda _: (0x0110, None))
        port = archive(stack, lambda _: (0x0000, None), refuses)
        with pytest.raises(ArchiveFailed, match="0x0110"):
            tell_commitment(remote("PACS", port), ANSWERED, Stop())
    with pytest.raises(ArchiveUnreachable):
        tell_commitment(remote("PACS", port), ANSWERED, Stop())
