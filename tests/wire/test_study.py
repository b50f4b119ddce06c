"""A study gives its attributes by DICOM keyword and never prints itself."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR

from idas_p2p.errors import WireError
from idas_p2p.wire.schema import decode, encode
from idas_p2p.wire.study import KEYWORDS, Study
from tests.wire.strategies import damaged, valid

STUDY = Study(study_uid="1.2.3", patient_name="DOE^JANE", modalities=("CT", "SR"), instance_count=7)


def test_keywords_name_every_field_in_order() -> None:
    assert list(KEYWORDS.values()) == [field.name for field in fields(Study)]


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_every_keyword_is_in_the_dicom_dictionary(keyword: str) -> None:
    assert dictionary_VR(keyword)


def test_values_are_dicom_text() -> None:
    assert STUDY.value("PatientName") == "DOE^JANE"
    assert STUDY.value("ModalitiesInStudy") == "CT\\SR"
    assert STUDY.value("NumberOfStudyRelatedInstances") == "7"
    assert STUDY.value("AccessionNumber") == ""


def test_a_study_never_prints_itself() -> None:
    assert "DOE" not in f"{STUDY!r}{STUDY}{[STUDY]}"
    assert "1.2.3" not in repr(STUDY)


@given(valid(Study))
def test_a_study_survives_the_round_trip(study: Study) -> None:
    assert decode(Study, encode(study), max_size=100_000) == study


@given(st.binary(max_size=300) | damaged(valid(Study).map(encode)))
def test_any_bytes_decode_canonically_or_raise_wire_error(data: bytes) -> None:
    try:
        study = decode(Study, data, max_size=100_000)
    except WireError:
        return
    assert encode(study) == data
