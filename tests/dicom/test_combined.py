from __future__ import annotations

import pytest

from idas_p2p.dicom.combined import combined
from idas_p2p.dicom.matching import matches
from idas_p2p.errors import BadQuery
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study


def fits(date: str, time: str, study_date: str, study_time: str) -> bool:
    study = Study(study_uid="1.2", study_date=study_date, study_time=study_time)
    query, lies_between = combined(StudyQuery.of({"StudyDate": date, "StudyTime": time}))
    return matches(query, study) and lies_between(study)


@pytest.mark.parametrize(
    ("study_date", "study_time", "found"),
    [
        ("20240130", "115959", False),
        ("20240130", "12", True),
        ("20240130", "235959.5", True),
        ("20240131", "0000", True),
        ("20240131", "1000", True),
        ("20240131", "100100", False),
        ("20240131", "", False),
        ("", "1300", False),
    ],
)
def test_two_ranges_are_one_of_moments(study_date: str, study_time: str, found: bool) -> None:
    assert fits("20240130-20240131", "1200-1000", study_date, study_time) is found


def test_a_range_that_is_open_has_no_end() -> None:
    assert fits("20240130-", "1200-", "20250101", "0100")
    assert not fits("20240130-", "1200-", "20240130", "1159")


def test_a_date_or_time_alone_matches_by_itself() -> None:
    assert fits("20240130", "1200-1300", "20240130", "1230")
    assert not fits("20240130", "1200-1300", "20240130", "1100")
    assert fits("20240130-20240131", "", "20240131", "")


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(BadQuery):
        combined(StudyQuery.of({"StudyDate": "20240130-20240131", "StudyTime": "noon"}))
