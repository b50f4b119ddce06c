"""What members are shown is recorded as our archives know it; whole nodes are in test_audited_users.py."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from idas_p2p.access.subjects import Requester
from idas_p2p.errors import TooManyMatches
from idas_p2p.node.audited_finds import AuditedFinds, subject_of_study
from idas_p2p.node.node import Node
from idas_p2p.wire.audit import Event, Kind
from idas_p2p.wire.query import StudyQuery
from tests.access.audit.logs import PEER
from tests.node.nodes import STUDY, fill, share

ASKER = Requester(node_id=PEER.node_id, institution="Lake Clinic", user="dr-lee")


class Log:
    def __init__(self) -> None:
        self.noted: list[Event] = []

    def note(self, event: Event) -> None:
        self.noted.append(event)

    async def settled(self) -> None:
        """At once."""


async def hits(node: Node, log: Log, *, limit: int = 100) -> list[str]:
    async with aclosing(AuditedFinds(node.holdings, log).find(ASKER, StudyQuery(), limit=limit)) as found:  # type: ignore[type-var]
        return [hit.study.study_uid async for hit in found]


async def test_the_log_names_the_true_study_and_patient_whatever_the_level_shows(lone: Node) -> None:
    await fill(lone)
    await share(lone, level="deidentified")
    log = Log()
    (shown,) = await hits(lone, log)
    assert shown != STUDY
    event = log.noted[-1]
    assert (event.kind, event.level) == (Kind.SHOWN, "deidentified")
    assert event.subjects == (subject_of_study(lone.holdings, STUDY),)
    assert event.subjects[0].patient_id


async def test_what_is_not_shown_is_not_recorded_as_shown(lone: Node) -> None:
    await fill(lone)
    await fill(lone, study_uid="1.2.4")
    log = Log()
    assert await hits(lone, log) == []  # no rule gives it
    assert [event.kind for event in log.noted] == [Kind.QUERY]
    await share(lone)
    limited = Log()
    with pytest.raises(TooManyMatches):
        await hits(lone, limited, limit=1)
    assert sum(len(event.subjects) for event in limited.noted) == 1  # what was shown before the limit


async def test_a_study_that_left_our_archives_is_named_by_its_uid_alone(lone: Node) -> None:
    assert subject_of_study(lone.holdings, "1.9").study_uid == "1.9"
    assert subject_of_study(lone.holdings, "1.9").patient_id == ""
