from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.association import Association

from idas_p2p.dicom.serving import COMMENT_SIZE, comment_on
from idas_p2p.errors import AccessDenied, ArchiveUnreachable, BadQuery, IdasError
from tests.dicom.memory_node import STUDY_FIND, STUDY_MOVE, MemoryNode, serving


@given(st.text(max_size=200))
def test_a_comment_holds_only_what_its_attribute_can(detail: str) -> None:
    comment = comment_on(BadQuery(detail))
    assert len(comment) <= COMMENT_SIZE
    assert "\\" not in comment
    assert comment.isascii()


@pytest.mark.parametrize(
    ("error", "comment"),
    [
        (ArchiveUnreachable("secret"), "The archive did not answer"),
        (BadQuery("a date is YYYYMMDD"), "a date is YYYYMMDD"),
        (AccessDenied(), "The other institution's policy does not let you do this"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_comment_says_what_happened(error: IdasError, comment: str) -> None:
    assert comment_on(error) == comment


async def test_a_request_in_the_wrong_context_is_not_supported(tmp_path: Path) -> None:
    def talk(link: Association) -> int:
        context = link.accepted_contexts[0]
        context.abstract_syntax = STUDY_FIND  # the peer still knows it as C-MOVE
        return int(next(link.send_c_find(_study(), STUDY_FIND))[0].Status)

    async with serving(MemoryNode(), tmp_path) as served:
        assert await served.workstation([STUDY_MOVE], talk) == 0x0122


async def test_a_bug_in_the_node_is_a_failure_and_the_association_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def talk(link: Association) -> list[int]:
        return [int(list(link.send_c_find(_study(), STUDY_FIND))[-1][0].Status) for _ in range(2)]

    node = MemoryNode(studies=[ValueError("CANARY")])  # type: ignore[list-item]
    async with serving(node, tmp_path) as served:
        assert await served.workstation([STUDY_FIND], talk) == [0xC000, 0xC000]
    assert "request_failed" in caplog.text
    assert "CANARY" not in caplog.text


def _study() -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.StudyInstanceUID = ""
    return ds
