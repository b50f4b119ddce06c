from __future__ import annotations

import pytest

from idas_p2p.errors import WireError
from idas_p2p.wire.messages import decode_message, encode_message
from idas_p2p.wire.parts import MAX_TEXT, Depth, Part, PartQuery, Parts, PartsRequest, Within, uids_of
from idas_p2p.wire.query import QueryKey, StudyQuery
from idas_p2p.wire.study import Study

SERIES = Part.of({"SeriesInstanceUID": "1.2.3", "Modality": "CT", "SeriesNumber": ""})


def test_a_part_has_its_values_by_keyword_and_none_that_are_empty() -> None:
    assert SERIES.values() == {"Modality": "CT", "SeriesInstanceUID": "1.2.3"}
    assert (SERIES.value("Modality"), SERIES.value("SeriesNumber")) == ("CT", "")


def test_a_value_that_is_too_long_is_cut_and_never_printed() -> None:
    part = Part.of({"ImageComments": "x" * 5_000})
    assert len(part.value("ImageComments")) == MAX_TEXT
    assert "x" not in repr(part)


def test_questions_and_answers_arrive_as_they_were_sent() -> None:
    query = PartQuery(depth=Depth.IMAGE, studies=StudyQuery.of({"StudyInstanceUID": "1.2"}), wanted=("Rows",))
    asked = PartsRequest(number=1, user="anna", query=query, limit=5)
    told = Parts(number=1, study=Study(study_uid="1.2"), parts=(SERIES,))
    for message in (asked, told):
        assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize("depth", [0, 3])
def test_a_depth_that_is_none_is_refused(depth: int) -> None:
    query = PartQuery(depth=depth, studies=StudyQuery())
    with pytest.raises(WireError):
        decode_message(encode_message(PartsRequest(number=1, user="", query=query, limit=5)))


def test_the_record_of_a_query_has_the_keys_of_both_kinds() -> None:
    query = PartQuery(
        depth=1,
        studies=StudyQuery.of({"StudyInstanceUID": "1.2"}),
        keys=(QueryKey(keyword="Modality", pattern="CT"),),
    )
    assert [key.keyword for key in query.all_keys().keys] == ["Modality", "StudyInstanceUID"]
    assert (query.pattern("Modality"), query.pattern("SeriesNumber")) == ("CT", "")


@pytest.mark.parametrize(
    ("pattern", "uids"), [("", ()), ("1.2", ("1.2",)), ("1.2\\1.3\\1.2", ("1.2", "1.3")), ("1.2*", ()), ("*", ())]
)
def test_uids_are_those_of_a_list_and_none_where_any_may_match(pattern: str, uids: tuple[str, ...]) -> None:
    assert uids_of(pattern) == uids


def test_what_lies_within_is_of_the_series_and_instances_named() -> None:
    within = Within(study_uid="1", depth=Depth.IMAGE, series_uids=("1.1",), sop_instance_uids=("1.1.1",))
    assert within.includes(series_uid="1.1", sop_instance_uid="1.1.1")
    assert not within.includes(series_uid="1.1", sop_instance_uid="1.1.2")
    assert not within.includes(series_uid="1.2", sop_instance_uid="1.1.1")
    assert Within(study_uid="1", depth=Depth.SERIES).includes(series_uid="9")
