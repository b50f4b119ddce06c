"""Studies as tables."""

from __future__ import annotations

from idas_p2p.dashboard.studies import found_table, own_table
from tests.dashboard.pictures import drawn

STUDY = {
    "StudyInstanceUID": "1.2.3",
    "PatientName": "Müller^Ann\u202e",
    "PatientID": "123",
    "StudyDate": "20240131",
    "ModalitiesInStudy": "CT\\SR",
    "StudyDescription": "Thorax [bold]",
    "NumberOfStudyRelatedInstances": "140",
}


def test_a_found_study_is_shown_with_its_holders() -> None:
    shown = drawn(found_table({"studies": [{**STUDY, "Holders": ["City", "Lake\n"]}]}))
    for words in ("Müller^Ann\\u202e", "2024-01-31", "CT SR", "Thorax [bold]", "140", "City, Lake\\n", "1.2.3"):
        assert words in shown


def test_an_own_study_is_shown_with_its_archives() -> None:
    assert "pacs" in drawn(own_table({"studies": [{**STUDY, "Archives": ["pacs"]}]}))


def test_a_study_with_hardly_an_attribute_is_shown_all_the_same() -> None:
    shown = drawn(found_table({"studies": [{"StudyInstanceUID": "1.2.3", "StudyDate": "2024"}]}))
    assert "1.2.3" in shown
    assert "2024" in shown


def test_nothing_found_does_not_say_whether_something_is_hidden() -> None:
    assert drawn(found_table({"studies": []})) == "No study matches, or none that is shared with you.\n"
