"""A query is built from DICOM keywords, or refused with the reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import BadQuery, WireError
from idas_p2p.wire.query import QueryKey, StudyQuery, date_range
from idas_p2p.wire.schema import decode, encode
from tests.wire.strategies import damaged, valid


def test_keys_that_match_everything_are_dropped_and_the_rest_is_sorted() -> None:
    query = StudyQuery.of({"StudyDate": "20200101", "PatientName": "DOE*", "PatientID": "", "AccessionNumber": " * "})
    assert [key.keyword for key in query.keys] == ["PatientName", "StudyDate"]
    assert query.pattern("PatientName") == "DOE*"
    assert query.pattern("PatientID") == ""


def test_an_unknown_key_is_refused_by_name() -> None:
    with pytest.raises(BadQuery, match="unknown key PatientColour; known are StudyInstanceUID"):
        StudyQuery.of({"PatientColour": "x"})


def test_a_query_never_prints_its_patterns() -> None:
    assert "DOE" not in repr(StudyQuery.of({"PatientName": "DOE"}))
    assert "DOE" not in repr(QueryKey(keyword="PatientName", pattern="DOE"))


@pytest.mark.parametrize(
    ("pattern", "first", "last"),
    [
        ("20200131", "20200131", "20200131"),
        ("20200101-20201231", "20200101", "20201231"),
        ("20200101-", "20200101", "99999999"),
        ("-20201231", "00000000", "20201231"),
        ("2020.01.31", "20200131", "20200131"),
        ("20200101 - 20201231", "20200101", "20201231"),
    ],
)
def test_a_date_or_range_gives_its_first_and_last_day(pattern: str, first: str, last: str) -> None:
    assert date_range(pattern) == (first, last)


@pytest.mark.parametrize(
    "pattern", ["-", "2020", "yesterday", "20200101-2020", "2020010120200102", "20200101--20200102", "\u0662" * 8, "*"]
)
def test_what_is_no_date_is_a_bad_query(pattern: str) -> None:
    with pytest.raises(BadQuery, match="YYYYMMDD"):
        date_range(pattern)


@pytest.mark.parametrize("keyword", ["StudyDate", "PatientBirthDate"])
def test_a_malformed_date_is_refused_when_the_query_is_built(keyword: str) -> None:
    with pytest.raises(BadQuery):
        StudyQuery.of({keyword: "last week"})


@given(valid(StudyQuery))
def test_a_query_survives_the_round_trip(query: StudyQuery) -> None:
    assert decode(StudyQuery, encode(query), max_size=100_000) == query


@given(st.binary(max_size=300) | damaged(valid(StudyQuery).map(encode)))
def test_any_bytes_decode_canonically_or_raise_wire_error(data: bytes) -> None:
    try:
        query = decode(StudyQuery, data, max_size=100_000)
    except WireError:
        return
    assert encode(query) == data
