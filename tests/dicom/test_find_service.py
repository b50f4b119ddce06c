from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom.association import Association

from idas_p2p.errors import AccessDenied, BadQuery, IdasError, PeerUnreachable
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


@pytest.mark.parametrize("level", ["PATIENT", "SERIES", "IMAGE", ""])
async def test_another_level_than_study_does_not_match(tmp_path: Path, level: str) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        found, final = await served.workstation([STUDY_FIND], ask(query(level)))  # type: ignore[misc]
    assert (found, final.Status) == ([], 0xA900)


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
