from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import Verification

from idas_p2p.dicom.dialogue import Stop
from idas_p2p.dicom.identifiers import dataset_of
from idas_p2p.dicom.requests import FIND, echo, find_studies
from idas_p2p.errors import ArchiveFailed
from idas_p2p.wire.query import StudyQuery
from tests.dicom.archives import remote, serving


def test_an_echo_that_fails_names_its_status() -> None:
    with (
        serving("PACS", [(str(Verification), None)], [(evt.EVT_C_ECHO, lambda event: 0x0122)]) as port,
        pytest.raises(ArchiveFailed, match="C-ECHO ended with status 0x0122"),
    ):
        echo(remote("PACS", port), Stop())


def test_answers_without_a_study_uid_are_left_out() -> None:
    answers = [{"StudyInstanceUID": "1.2"}, {"PatientID": "P1"}, {"StudyInstanceUID": "1.3"}]

    def find(event: Any) -> Iterator[tuple[int, Dataset]]:
        for answer in answers:
            yield 0xFF00, dataset_of({"QueryRetrieveLevel": "STUDY", **answer})

    with serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, find)]) as port:
        found = list(find_studies(remote("PACS", port), StudyQuery.of({}), Stop(), limit=10))
    assert [study.study_uid for study in found] == ["1.2", "1.3"]


def test_the_archive_is_asked_for_everything_a_study_has() -> None:
    asked: list[Dataset] = []

    def find(event: Any) -> Iterator[tuple[int, None]]:
        asked.append(event.identifier)
        yield 0x0000, None

    with serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, find)]) as port:
        assert list(find_studies(remote("PACS", port), StudyQuery.of({"PatientName": "山*"}), Stop(), limit=10)) == []
    assert asked[0].PatientName == "山*"
    assert asked[0].SpecificCharacterSet == "ISO_IR 192"
    assert {"ModalitiesInStudy", "NumberOfStudyRelatedInstances", "AccessionNumber"} <= {e.keyword for e in asked[0]}
