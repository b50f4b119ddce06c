"""Records of the audit log and what is signed about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.wire.audit import MAX_RECORD_BYTES, MAX_SUBJECTS, AuditRecord, Event, Kind, Subject
from idas_p2p.wire.query import QueryKey
from idas_p2p.wire.schema import decode, encode
from tests.access.audit.logs import record, some_events


def test_a_record_reads_back_as_it_was() -> None:
    for number, event in enumerate(some_events(6), 1):
        one = record(number, event)
        assert decode(AuditRecord, encode(one), max_size=MAX_RECORD_BYTES) == one


@given(st.binary(max_size=400))
def test_any_bytes_are_a_canonical_record_or_a_wire_error(data: bytes) -> None:
    try:
        value = decode(AuditRecord, data, max_size=MAX_RECORD_BYTES)
    except WireError:
        return
    assert encode(value) == data


def test_the_largest_record_fits_its_bound() -> None:
    keys = (QueryKey(keyword="K" * 64, pattern="\U0001f600" * 16_384),) * 32
    subjects = (
        Subject(study_uid="1" * 64, patient_id="\U0001f600" * 1_024, issuer="\U0001f600" * 1_024),
    ) * MAX_SUBJECTS
    event = Event(kind=Kind.QUERY, keys=keys, subjects=subjects, text="\U0001f600" * 1_024)
    assert decode(AuditRecord, encode(record(1, event)), max_size=MAX_RECORD_BYTES).event == event


def test_nothing_that_holds_patient_data_prints_it() -> None:
    one = record(1, replace(some_events(2)[1], text="CANARY"))
    printed = f"{one!r}{one.event!r}{one.event.subjects!r}"
    assert "CANARY" not in printed
    assert "P0" not in printed
    assert "1.2.0" not in printed


@pytest.mark.parametrize(("field", "value"), [("kind", 0), ("kind", 9), ("side", 3), ("by", 7), ("outcome", 13)])
def test_a_record_of_an_unknown_kind_is_refused(field: str, value: int) -> None:
    with pytest.raises(WireError, match=field):
        decode(AuditRecord, encode(record(1, Event(**{"kind": Kind.QUERY, field: value}))), max_size=MAX_RECORD_BYTES)
