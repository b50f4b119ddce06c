from __future__ import annotations

import pytest

from idas_p2p.errors import StudyNotFound
from idas_p2p.node.hits import hit_for
from idas_p2p.node.node import Node
from tests.node.nodes import STUDY, fill, share


@pytest.mark.parametrize("level", ["full", "obscured", "deidentified"])
async def test_what_is_offered_is_what_would_be_found(lone: Node, level: str) -> None:
    lone.membership.create("Lake Region")
    await fill(lone)
    requester = lone.federation.requester(lone.identity.node_id, "")
    with pytest.raises(StudyNotFound):
        await hit_for(lone.holdings, requester, STUDY)
    await share(lone, level)
    hit = await hit_for(lone.holdings, requester, STUDY)
    assert hit.ticket.level == lone.holdings.level(requester, STUDY).mark
    assert (hit.study.patient_name == "CANARY^BIRD") is (level == "full")
    assert (hit.study.study_uid == STUDY) is (level != "deidentified")
    with pytest.raises(StudyNotFound):
        await hit_for(lone.holdings, requester, "9.9")
