"""What viewers are known to ask, replayed with DCMTK's findscu, movescu and getscu at a node that holds nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.interop.conftest import Institutions
from tools.dcmtk import Ended, Peer
from tools.workstation import SUCCESS

PENDING, PENDING_WITHOUT_KEYS = 0xFF00, 0xFF01
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")


@dataclass(frozen=True)
class Habit:
    """The key list of a viewer's query at one level; values of keys not named are empty."""

    name: str
    level: str
    keys: str  # keywords or tags, as findscu takes them

    def __str__(self) -> str:
        return f"{self.name} {self.level}"


WEASIS = (
    "PatientID IssuerOfPatientID PatientName PatientBirthDate PatientSex StudyInstanceUID StudyDate StudyTime "
    "StudyDescription AccessionNumber StudyID ReferringPhysicianName ModalitiesInStudy NumberOfStudyRelatedInstances"
)
OSIRIX = (
    "PatientName PatientID PatientBirthDate StudyID StudyDate StudyTime StudyInstanceUID AccessionNumber "
    "StudyDescription ModalitiesInStudy NumberOfStudyRelatedInstances ReferringPhysicianName PerformingPhysicianName "
    "InstitutionName 0032,000a 4008,0212 0032,4000"
)
RADIANT = (
    "PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyDate StudyTime StudyDescription "
    "ModalitiesInStudy AccessionNumber NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances InstitutionName "
    "ReferencedStudySequence ProcedureCodeSequence 0009,0010 0009,1001 RetrieveAETitle InstanceAvailability"
)
HABITS = [
    Habit("Weasis", "STUDY", WEASIS),
    Habit("Weasis", "SERIES", "PatientID StudyInstanceUID SeriesInstanceUID Modality SeriesNumber SeriesDescription"),
    Habit("Weasis", "IMAGE", "PatientID StudyInstanceUID SeriesInstanceUID SOPInstanceUID InstanceNumber"),
    Habit("OsiriX", "STUDY", OSIRIX),
    Habit(
        "OsiriX",
        "SERIES",
        "StudyInstanceUID SeriesInstanceUID SeriesDescription SeriesDate SeriesTime SeriesNumber Modality "
        "NumberOfSeriesRelatedInstances ImageComments ProtocolName",
    ),
    Habit(
        "OsiriX", "IMAGE", "StudyInstanceUID SeriesInstanceUID SOPInstanceUID SOPClassUID InstanceNumber Rows Columns"
    ),
    Habit("RadiAnt", "STUDY", RADIANT),
    Habit(
        "RadiAnt",
        "SERIES",
        "StudyInstanceUID SeriesInstanceUID Modality SeriesNumber SeriesDescription BodyPartExamined "
        "NumberOfSeriesRelatedInstances RequestAttributesSequence[0].RequestedProcedureID 0009,0010",
    ),
]


def ask(peer: Peer, level: str, keys: Sequence[str], *options: str) -> tuple[Ended, list[Dataset]]:
    """One findscu: how it ended, and the matches."""
    with tempfile.TemporaryDirectory() as folder:
        words = [word for key in (f"QueryRetrieveLevel={level}", *keys) for word in ("-k", key)]
        ended = peer.run("findscu", *(options or ("-S",)), "-X", "-od", folder, *words)
        return ended, [pydicom.dcmread(path, force=True) for path in sorted(Path(folder).glob("rsp*.dcm"))]


def with_values(habit: Habit, **values: str) -> list[str]:
    """The keys of a habit, some of them with a value."""
    names = [*habit.keys.split(), *(name for name in values if name not in habit.keys.split())]
    return [f"{name}={values[name]}" if name in values else name for name in names]


@pytest.mark.parametrize("habit", HABITS, ids=str)
def test_a_viewers_usual_query_is_answered_at_every_level(institutions: Institutions, habit: Habit) -> None:
    here = institutions
    first = pydicom.dcmread(here.kidney.files[0], stop_before_pixels=True)
    values = {"StudyInstanceUID": here.kidney.study_uid}
    if habit.level == "IMAGE":
        values["SeriesInstanceUID"] = str(first.SeriesInstanceUID)
    ended, found = ask(here.peer, habit.level, with_values(habit, **values))
    assert (ended.status, ended.statuses[-1]) == (0, SUCCESS)
    assert set(ended.statuses[:-1]) <= {PENDING, PENDING_WITHOUT_KEYS}
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in here.kidney.files]
    unique = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}[habit.level]
    of_series = [ds for ds in headers if habit.level != "IMAGE" or ds.SeriesInstanceUID == first.SeriesInstanceUID]
    assert sorted(str(ds[unique].value) for ds in found) == sorted({str(ds[unique].value) for ds in of_series})
    assert all(ds.QueryRetrieveLevel == habit.level and ds.RetrieveAETitle == here.berg.aet for ds in found)
    if "NumberOfSeriesRelatedInstances" in habit.keys:
        counts = {str(ds.SeriesInstanceUID): int(ds.NumberOfSeriesRelatedInstances) for ds in found}
        assert sum(counts.values()) == len(headers)


@pytest.mark.parametrize(
    "key",
    [
        "StudyTime=000000-235959",
        "StudyDate=20170301-20170303",
        "StudyDate=-20170302",
        "PatientName=müller*",
        "PatientName=MULLER^J*",
        "PatientName=*jorg*",
        "ModalitiesInStudy=US\\CT",
        "AccessionNumber=ACC ?",
        "PatientID=KID*",
    ],
)
def test_an_osirix_search_field_finds_the_study(institutions: Institutions, key: str) -> None:
    keys = [name for name in OSIRIX.split() if name != key.partition("=")[0]]
    ended, found = ask(institutions.peer, "STUDY", ["SpecificCharacterSet=ISO_IR 192", *keys, key])
    assert (ended.status, ended.statuses[-1]) == (0, SUCCESS)
    assert institutions.kidney.study_uid in {str(ds.StudyInstanceUID) for ds in found}


def test_patients_are_listed_in_patient_root(institutions: Institutions) -> None:
    keys = ["PatientID=KID-1", "PatientName", "NumberOfPatientRelatedStudies", "NumberOfPatientRelatedInstances"]
    ended, found = ask(institutions.peer, "PATIENT", keys, "-P")
    assert ended.statuses[-1] == SUCCESS
    (patient,) = found
    assert (patient.PatientID, str(patient.PatientName)) == ("KID-1", "Müller^Jörg")
    assert (patient.NumberOfPatientRelatedStudies, patient.NumberOfPatientRelatedInstances) == (1, 28)


@pytest.mark.parametrize("level", ["PATIENT", "SERIES", "IMAGE"])
def test_movescu_brings_what_is_named_at_each_level(clean_viewers: Institutions, level: str) -> None:
    here = clean_viewers
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in here.kidney.files]
    still = str(headers[0].SeriesInstanceUID)
    chosen = {
        "PATIENT": ({"PatientID": "KID-1"}, headers),
        "SERIES": (
            {"StudyInstanceUID": here.kidney.study_uid, "SeriesInstanceUID": still},
            [ds for ds in headers if ds.SeriesInstanceUID == still],
        ),
        "IMAGE": (
            {
                "StudyInstanceUID": here.kidney.study_uid,
                "SOPInstanceUID": "\\".join(str(ds.SOPInstanceUID) for ds in headers[3:6]),
            },
            headers[3:6],
        ),
    }
    keys, expected = chosen[level]
    words = [word for key, value in {"QueryRetrieveLevel": level, **keys}.items() for word in ("-k", f"{key}={value}")]
    ended = here.peer.run("movescu", "-P" if level == "PATIENT" else "-S", "-aem", here.viewer.aet, *words)
    assert (ended.status, ended.statuses[-1]) == (0, SUCCESS)
    assert here.viewer.received().keys() == {str(ds.SOPInstanceUID) for ds in expected}


def test_an_image_that_is_not_there_is_named_as_failed(clean_viewers: Institutions) -> None:
    here = clean_viewers
    there = str(pydicom.dcmread(here.kidney.files[0], stop_before_pixels=True).SOPInstanceUID)
    last = here.workstation.move(
        {
            "QueryRetrieveLevel": "IMAGE",
            "StudyInstanceUID": here.kidney.study_uid,
            "SOPInstanceUID": f"{there}\\1.2.3.4.5",
        }
    )[-1]
    assert (last.status, last.completed, last.failed) == (0xB000, 1, 1)
    assert list(here.workstation.received) == [there]


def test_a_workstation_asks_many_things_at_once(institutions: Institutions) -> None:
    """findscu processes at every level side by side; each gets the whole of its own answer."""
    here = institutions

    def find(level: str) -> int:
        return len(ask(here.peer, level, ["StudyInstanceUID=" + here.kidney.study_uid, "SOPInstanceUID"])[1])

    expected = {"STUDY": 1, "SERIES": len({ds for ds in _series_of(here)}), "IMAGE": len(here.kidney.files)}
    with ThreadPoolExecutor(4) as pool:
        levels = [*expected] * 4
        assert list(pool.map(find, levels)) == [expected[level] for level in levels]


def _series_of(here: Institutions) -> list[str]:
    return [str(pydicom.dcmread(path, stop_before_pixels=True).SeriesInstanceUID) for path in here.kidney.files]
