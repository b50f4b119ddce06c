from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.dicom.web_json import answers_of, study_parameters
from idas_p2p.errors import ArchiveFailed
from idas_p2p.wire.query import StudyQuery


def text_of(attribute: Any, keyword: str = "PatientName") -> str:
    (answer,) = answers_of(json.dumps([{"00100010": attribute, "00080061": attribute}]).encode())
    return answer.text(keyword)


def test_names_keep_their_component_groups() -> None:
    assert text_of({"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Phonetic": "やまだ^たろう"}]}) == (
        "Yamada^Tarou==やまだ^たろう"
    )
    assert text_of({"vr": "PN", "Value": [{"Alphabetic": "Müller^Jörg"}]}) == "Müller^Jörg"


def test_several_values_are_joined_by_backslashes() -> None:
    assert text_of({"vr": "CS", "Value": ["CT", None, "MR"]}, "ModalitiesInStudy") == "CT\\\\MR"


@pytest.mark.parametrize("attribute", [{"vr": "PN"}, {"vr": "PN", "Value": []}, {"Value": "x"}, None, 3, ["x"]])
def test_an_attribute_without_values_is_empty(attribute: Any) -> None:
    assert text_of(attribute) == ""


@pytest.mark.parametrize(("values", "count"), [([28], 28), (["28"], 28), (["many"], None), ([-1], None), ([], None)])
def test_a_count_is_a_number_or_unknown(values: list[Any], count: int | None) -> None:
    (answer,) = answers_of(json.dumps([{"00201208": {"vr": "IS", "Value": values}}]).encode())
    assert answer.count("NumberOfStudyRelatedInstances") == count


def test_no_content_is_no_answers() -> None:
    assert answers_of(b"") == answers_of(b"[]") == []


@pytest.mark.parametrize("body", [b"{", b"{}", b"[1]", b"\xff", b"[" * 100_000, b"<html>"])
def test_what_is_not_dicom_json_is_refused(body: bytes) -> None:
    with pytest.raises(ArchiveFailed):
        answers_of(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_answers_or_a_failed_archive(body: bytes) -> None:
    try:
        answers_of(body)
    except ArchiveFailed:
        return


def test_an_answer_does_not_print_itself() -> None:
    assert "CANARY" not in repr(answers_of(b'[{"00100010": {"Value": ["CANARY"]}}]'))


def test_a_search_asks_for_every_attribute_of_a_study_and_separates_uids_by_commas() -> None:
    parameters = study_parameters(StudyQuery.of({"StudyDate": "20240101-", "StudyInstanceUID": "1.2\\1.3"}))
    assert {("StudyDate", "20240101-"), ("StudyInstanceUID", "1.2,1.3"), ("includefield", "00201208")} <= set(
        parameters
    )
