from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from idas_p2p.errors import AccessDenied, BadQuery, IdasError, PeerUnreachable
from idas_p2p.wire.parts import Part, StudyPart
from idas_p2p.wire.study import Study
from tests.dicom.memory_node import STUDY_FIND, MemoryNode, serving

STUDIES = [Study(study_uid=f"1.2.{number}", patient_name="Müller^Jörg", patient_id="7") for number in range(3)]


def query(level: str = "STUDY", **keys: str) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword in ("StudyInstanceUID", "PatientName", "StudyDate"):
        setattr(ds, keyword, keys.get(keyword, ""))
    return ds


def ask(identifier: Dataset, *, cancel_after: int | None = None) -> object:
    def talk(link: Association) -> tuple[list[Dataset], Dataset]:
        found: list[Dataset] = []
        for status, answer in link.send_c_find(identifier, STUDY_FIND, msg_id=5):
            if status.Status != 0xFF00:
                return found, status
            found.append(answer)
            if len(found) == cancel_after:
                link.send_c_cancel(5, query_model=STUDY_FIND)
        raise AssertionError("no final response")

    return talk


async def test_studies_come_as_pending_responses_with_what_was_asked(tmp_path: Path) -> None:
    node = MemoryNode(studies=STUDIES)
    async with serving(node, tmp_path) as served:
        found, status = await served.workstation([STUDY_FIND], ask(query(PatientName="M*")))  # type: ignore[misc]
    assert status.Status == 0x0000
    assert [answer.StudyInstanceUID for answer in found] == ["1.2.0", "1.2.1", "1.2.2"]
    first = found[0]
    assert str(first.PatientName) == "Müller^Jörg"
    assert (first.QueryRetrieveLevel, first.RetrieveAETitle, first.InstanceAvailability) == ("STUDY", "NODE", "ONLINE")
    assert node.queries[0].pattern("PatientName") == "M*"


@pytest.mark.parametrize(
    ("error", "status"),
    [(AccessDenied(), 0x0124), (PeerUnreachable(), 0xA700), (BadQuery("a date is YYYYMMDD"), 0xA900)],
    ids=["denied", "unreachable", "bad query"],
)
async def test_an_error_after_some_answers_ends_with_its_status_and_a_comment(
    tmp_path: Path, error: IdasError, status: int
) -> None:
    async with serving(MemoryNode(studies=[STUDIES[0], error]), tmp_path) as served:
        found, final = await served.workstation([STUDY_FIND], ask(query()))  # type: ignore[misc]
    assert len(found) == 1
    assert final.Status == status
    assert 0 < len(final.ErrorComment) <= 64


@pytest.mark.parametrize("level", ["PATIENT", "WORKLIST", ""])
async def test_a_level_that_the_model_does_not_have_does_not_match(tmp_path: Path, level: str) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        found, final = await served.workstation([STUDY_FIND], ask(query(level)))  # type: ignore[misc]
    assert (found, final.Status) == ([], 0xA900)


SERIES = StudyPart(STUDIES[1], Part.of({"SeriesInstanceUID": "1.2.1.1", "Modality": "CT", "SeriesNumber": "3"}))


async def test_series_come_with_what_is_asked_of_their_study_too(tmp_path: Path) -> None:
    identifier = query("SERIES", StudyInstanceUID="1.2.1")
    identifier.SeriesInstanceUID = identifier.PatientID = identifier.Modality = ""
    node = MemoryNode(parts=[SERIES])
    async with serving(node, tmp_path) as served:
        found, status = await served.workstation([STUDY_FIND], ask(identifier))  # type: ignore[misc]
    assert status.Status == 0x0000
    (series,) = found
    assert (series.QueryRetrieveLevel, series.SeriesInstanceUID, series.Modality) == ("SERIES", "1.2.1.1", "CT")
    assert (series.StudyInstanceUID, series.PatientID, str(series.PatientName)) == ("1.2.1", "7", "Müller^Jörg")
    assert "SeriesNumber" not in series
    assert node.part_queries[0].wanted == ("Modality", "SeriesInstanceUID")


async def test_a_query_below_studies_that_names_none_is_refused_with_words(tmp_path: Path) -> None:
    async with serving(MemoryNode(parts=[SERIES]), tmp_path) as served:
        found, final = await served.workstation([STUDY_FIND], ask(query("SERIES")))  # type: ignore[misc]
    assert (found, final.Status) == ([], 0xA900)
    assert "Study Instance UID" in final.ErrorComment


PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"


@pytest.mark.parametrize("counts", [False, True], ids=["without counts", "with counts"])
async def test_patients_are_told_once_and_counted_where_that_is_asked(tmp_path: Path, counts: bool) -> None:
    def asks(link: Association) -> list[tuple[int, Dataset]]:
        return [(status.Status, answer) for status, answer in link.send_c_find(identifier, PATIENT_FIND)]

    other = Study(study_uid="1.3", patient_id="7", issuer="Elsewhere", patient_name="Doe")
    identifier = query("PATIENT")
    identifier.PatientID = ""
    if counts:
        identifier.NumberOfPatientRelatedStudies = None
    async with serving(MemoryNode(studies=[*STUDIES, other]), tmp_path) as served:
        answers = await served.workstation([PATIENT_FIND], asks)
    *patients, (final, _) = answers  # type: ignore[misc]
    assert final == 0x0000
    assert [(str(one.PatientName), one.PatientID) for _, one in patients] == [("Müller^Jörg", "7"), ("Doe", "7")]
    if counts:
        assert [one.NumberOfPatientRelatedStudies for _, one in patients] == [3, 1]


async def test_a_request_with_keys_nobody_supports_is_answered_with_that_remark(tmp_path: Path) -> None:
    def asks(link: Association) -> list[int]:
        return [status.Status for status, _ in link.send_c_find(identifier, STUDY_FIND)]

    identifier = query()
    identifier.add_new(0x00090010, "LO", "SOMEBODY")
    async with serving(MemoryNode(studies=STUDIES[:1]), tmp_path) as served:
        assert await served.workstation([STUDY_FIND], asks) == [0xFF01, 0x0000]


async def test_a_malformed_date_is_refused_with_words(tmp_path: Path) -> None:
    identifier = query()
    identifier.add_new("StudyDate", "LO", "yesterday")
    async with serving(MemoryNode(), tmp_path) as served:
        _, final = await served.workstation([STUDY_FIND], ask(identifier))  # type: ignore[misc]
    assert final.Status == 0xA900
    assert "YYYYMMDD" in final.ErrorComment


async def test_cancel_ends_the_query_and_closes_the_source(tmp_path: Path) -> None:
    node = MemoryNode(studies=STUDIES * 20_000)
    async with serving(node, tmp_path) as served:
        found, final = await served.workstation([STUDY_FIND], ask(query(), cancel_after=2))  # type: ignore[misc]
        await node.left.wait()
    assert final.Status == 0xFE00
    assert len(found) < 20_000


async def test_a_workstation_that_goes_away_ends_the_query(tmp_path: Path) -> None:
    def leave(link: Association) -> None:
        answers = link.send_c_find(query(), STUDY_FIND)
        next(answers)
        link.abort()

    node = MemoryNode(studies=STUDIES * 20_000)
    async with serving(node, tmp_path) as served:
        await served.workstation([STUDY_FIND], leave)
        await node.left.wait()


async def test_holders_that_did_not_answer_are_counted_at_the_end(tmp_path: Path) -> None:
    async with serving(MemoryNode(studies=STUDIES, silent=2), tmp_path) as served:
        found, final = await served.workstation([STUDY_FIND], ask(query()))  # type: ignore[misc]
    assert (len(found), final.Status) == (3, 0x0000)
    assert final.ErrorComment == "2 of 5 holders did not answer"


def wishes(flags: bytes, sop_class: str = STUDY_FIND) -> SOPClassExtendedNegotiation:
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = sop_class
    item.service_class_application_information = flags
    return item


async def test_what_is_agreed_beyond_plain_queries_is_said_and_kept(tmp_path: Path) -> None:
    def talk(link: Association) -> tuple[bytes, list[str]]:
        answers = [str(answer.StudyInstanceUID) for _, answer in link.send_c_find(identifier, STUDY_FIND) if answer]
        return link.acceptor.sop_class_extended[STUDY_FIND], answers

    held = [
        Study(study_uid=f"1.2.{day}.{hour}", study_date=f"2024013{day}", study_time=f"{hour}0000")
        for day in (0, 1)
        for hour in ("08", "20")
    ]
    identifier = query(PatientName="somebody", StudyDate="20240130-20240131")
    identifier.StudyTime = "1200-1000"
    node = MemoryNode(studies=held)
    async with serving(node, tmp_path) as served:
        answer, uids = await served.workstation(  # type: ignore[misc]
            [STUDY_FIND], talk, ext_neg=[wishes(b"\x01\x01\x01\x01")]
        )
    assert answer == b"\x01\x01\x01\x00"
    assert uids == ["1.2.0.20", "1.2.1.08"]
    assert node.queries[0].fuzzy_names
    assert not node.queries[0].pattern("StudyTime")
