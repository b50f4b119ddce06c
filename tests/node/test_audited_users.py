"""Two nodes: what a user of one finds and gets of the other leaves matching records at both."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from idas_p2p.access.audit.events import Device
from idas_p2p.access.audit.verify import verify_log
from idas_p2p.errors import AuditUnavailable, IdasError, StudyNotFound
from idas_p2p.node.audited_users import operator, user_at
from idas_p2p.node.find import Search
from idas_p2p.node.node import Node
from idas_p2p.store.audit_log import segments
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord, By, Event, Kind, Outcome, Side
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.schema import decode
from tests.node.nodes import STUDY, fill, share

QUERY = StudyQuery.of({"PatientName": "CANARY*"})
ABOUT = {Kind.QUERY, Kind.SHOWN, Kind.BEGIN_TRANSFER, Kind.TRANSFERRED}


def noted(node: Node) -> list[Event]:
    """What the log says of studies."""
    bodies = [frame.body for one in segments(node.config.folder / "audit") for frame in one.frames()]
    events = [decode(AuditRecord, body, max_size=MAX_RECORD_BYTES).event for body in bodies]
    return [event for event in events if event.kind in ABOUT]


async def find(node: Node, user: str = "dr-lee") -> list[str]:
    search = Search(user=user, query=QUERY)
    device = Device("VIEWER", "192.0.2.20")
    return [found.study.study_uid async for found in node.users.find(user_at(user, By.PASSWORD, device), search)]


async def get(node: Node, user: str = "dr-lee", *, to: str = "") -> list[RetrieveEvent]:
    async with asyncio.timeout(60):
        selections = [Selection(study_uid=STUDY)]
        return [event async for event in node.users.retrieve(operator(user), selections, to=to)]


async def test_a_query_is_recorded_at_both_nodes_with_what_it_showed(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    assert await find(berg) == [STUDY]
    asked, shown = noted(berg)
    was_asked, showed = noted(anna)
    assert (asked.kind, shown.kind, was_asked.kind, showed.kind) == (Kind.QUERY, Kind.SHOWN, Kind.QUERY, Kind.SHOWN)
    assert asked.keys == was_asked.keys == QUERY.keys
    assert [one.study_uid for one in shown.subjects] == [one.study_uid for one in showed.subjects] == [STUDY]
    assert shown.subjects[0].patient_id == showed.subjects[0].patient_id != ""
    assert (asked.user, asked.by, asked.aet, asked.side) == ("dr-lee", By.PASSWORD, "VIEWER", Side.REQUESTER)
    assert (was_asked.user, was_asked.by, was_asked.side) == ("dr-lee", By.NODE, Side.HOLDER)
    assert (showed.node, showed.institution) == (berg.identity.node_id.raw, "berg Hospital")
    assert (shown.node, shown.institution) == (anna.identity.node_id.raw, "anna Hospital")
    assert showed.level == "full"


async def test_a_transfer_leaves_matching_records_at_both_nodes(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna)
    await share(anna)
    await find(berg)
    got = [event for event in await get(berg) if isinstance(event, Instance)]
    assert len(got) == len(stored)
    for node in pair:
        begun, ended = [event for event in noted(node) if event.kind in (Kind.BEGIN_TRANSFER, Kind.TRANSFERRED)]
        assert begun.transfer == ended.transfer != 0
        assert (ended.outcome, ended.instances, ended.failed) == (Outcome.SUCCESS, len(stored), 0)
        assert ended.size == sum(map(len, stored.values()))
        assert ended.user == "dr-lee"
        assert [(one.study_uid, bool(one.patient_id)) for one in ended.subjects] == [(STUDY, True)]
    assert noted(berg)[-1].node == anna.identity.node_id.raw
    assert noted(anna)[-1].node == berg.identity.node_id.raw


async def test_a_study_of_the_house_itself_is_recorded_as_such(lone: Node) -> None:
    await fill(lone)
    assert await find(lone) == [STUDY]
    await get(lone, to="VIEWER")
    shown, ended = noted(lone)[1], noted(lone)[-1]
    assert (shown.node, shown.institution) == (b"", "")
    assert (ended.kind, ended.node, ended.institution, ended.instances) == (Kind.TRANSFERRED, b"", "lone Hospital", 4)
    assert ended.text == "to VIEWER"


async def test_what_a_member_may_not_have_is_recorded_as_refused(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    await find(berg)
    for grant in anna.settings.grants():
        anna.settings.remove_grant(grant.number)
    anna.configure()
    with pytest.raises(IdasError):
        await get(berg)
    refused = [event for event in noted(anna) if event.kind == Kind.BEGIN_TRANSFER]
    assert [(one.outcome, one.reason, one.user) for one in refused] == [
        (Outcome.MINOR_FAILURE, StudyNotFound.code, "dr-lee")
    ]
    assert noted(berg)[-1].outcome == Outcome.MINOR_FAILURE


async def test_a_holder_whose_log_cannot_be_written_shows_and_sends_nothing(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    await find(berg)

    def full(*_: object) -> None:
        raise AuditUnavailable("ENOSPC")

    with monkeypatch.context() as patched:
        patched.setattr(anna.audit.log, "_write", full)
        with pytest.raises(IdasError):
            await get(berg)
        with pytest.raises(IdasError):
            await find(berg)
    assert len([event for event in await get(berg) if isinstance(event, Instance)]) == 4


async def test_a_requester_whose_log_cannot_be_written_shows_its_users_nothing(
    lone: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(lone)

    def full(*_: object) -> None:
        raise AuditUnavailable("ENOSPC")

    monkeypatch.setattr(lone.audit.log, "_write", full)
    with pytest.raises(AuditUnavailable):
        await find(lone)
    with pytest.raises(AuditUnavailable):
        await get(lone)


async def test_both_logs_verify_and_each_has_seen_the_others(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    await find(berg)
    await get(berg)
    await anna.audit.settled()
    await berg.audit.settled()
    await berg.audit.witness.turn(berg.links.open_now())
    for one, other in ((anna, berg), (berg, anna)):
        log = (await one.audit.witness.logs())[other.identity.node_id]
        assert log.receipt is not None
        data = [segment.data() for segment in segments(Path(one.audit.log.folder))]
        report = verify_log(one.identity.node_id, data, [one.audit.log.head()], [log.receipt])
        assert report.is_good
        assert report.witnesses == {other.identity.node_id}
