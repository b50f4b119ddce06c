"""A query as the data set in an audit message, read back by pydicom."""

from __future__ import annotations

import io

from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword

from idas_p2p.access.audit.query_identifier import _ELEMENTS, identifier_of
from idas_p2p.wire.query import QueryKey, StudyQuery
from idas_p2p.wire.study import KEYWORDS


def test_the_table_says_what_the_dictionary_says_of_every_study_level_key() -> None:
    assert set(_ELEMENTS) == set(KEYWORDS)
    for keyword, (group, element, vr) in _ELEMENTS.items():
        assert tag_for_keyword(keyword) == group << 16 | element
        assert dictionary_VR(group << 16 | element) == vr.decode()


def test_a_query_reads_back_with_all_its_keys() -> None:
    keys = {"PatientName": "MÜLLER*", "StudyDate": "20260101-", "StudyInstanceUID": "1.2\\1.3", "PatientID": "P1"}
    data = dcmread(io.BytesIO(identifier_of(StudyQuery.of(keys).keys)), force=True)
    assert str(data.PatientName) == "MÜLLER*"
    assert list(data.StudyInstanceUID) == ["1.2", "1.3"]
    assert (data.StudyDate, data.PatientID, data.QueryRetrieveLevel) == ("20260101-", "P1", "STUDY")


def test_a_key_of_another_level_is_left_out_and_a_long_one_is_cut_to_what_fits() -> None:
    long = QueryKey(keyword="PatientName", pattern="\U0001f600" * 16_384)
    data = identifier_of((QueryKey(keyword="SeriesNumber", pattern="1"), long))
    assert len(data) < 66_000
    assert dcmread(io.BytesIO(data), force=True).QueryRetrieveLevel == "STUDY"
