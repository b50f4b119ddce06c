"""Breaking the glass between real nodes: who may, who hears of it, when it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.access.audit.events import EMERGENCY_STARTED, EMERGENCY_STOPPED
from idas_p2p.access.emergencies import HOLDER, LASTS, REQUESTER
from idas_p2p.errors import BadConfiguration, Busy, IdasError, NoEmergencyHere, StudyNotFound
from idas_p2p.node.emergencies import MAX_ASKED
from idas_p2p.node.node import Node
from idas_p2p.store.audit_log import segments
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord, By, Event, Kind, Outcome, Side
from idas_p2p.wire.emergency import EmergencyWanted
from idas_p2p.wire.instance import Instance, Selection
from idas_p2p.wire.schema import decode
from tests.node.nodes import STUDY, data_of, fill, make_instance, publish, retrieve, until

RULE = '[[rule]]\nto = "node:berg Hospital"\nlevel = "full"\nbreak_glass = true\n'
REASON = "unconscious after an accident"


def alerts(node: Node) -> list[Event]:
    """What the log says of emergencies."""
    bodies = [frame.body for one in segments(node.config.folder / "audit") for frame in one.frames()]
    events = [decode(AuditRecord, body, max_size=MAX_RECORD_BYTES).event for body in bodies]
    return [one for one in events if one.kind == Kind.ALERT and one.code in (EMERGENCY_STARTED, EMERGENCY_STOPPED)]


def patient_of(node: Node) -> tuple[str, str]:
    study = node.catalog.entries(STUDY)[0].study
    return study.patient_id, study.issuer


async def permit(node: Node, text: str = RULE) -> None:
    (node.config.folder / "policy.toml").write_text(text)
    node.configure()
    await publish(node)


async def break_glass(node: Node, patient: tuple[str, str], user: str = "dr-lee") -> None:
    await node.outsiders.emergencies.declare(user, *patient, REASON, by=By.OPERATOR)


async def test_whoever_breaks_the_glass_sees_that_patient_at_once_and_both_sides_have_it_on_record(
    pair: tuple[Node, Node],
) -> None:
    anna, berg = pair
    data = await fill(anna)
    await anna.embedded.store(make_instance(1, study_uid="1.2.4"))
    await permit(anna)
    patient = patient_of(anna)
    with pytest.raises(StudyNotFound):
        await retrieve(berg, user="dr-lee")
    await break_glass(berg, patient)
    assert data_of(await retrieve(berg, user="dr-lee")) == data
    with pytest.raises(StudyNotFound):
        await retrieve(berg, user="dr-moss")
    (opened,) = anna.outsiders.emergencies.open_now()
    (declared,) = berg.outsiders.emergencies.open_now()
    assert (opened.side, opened.institution, opened.user, opened.reason) == (HOLDER, "berg Hospital", "dr-lee", REASON)
    assert (declared.side, declared.institution, declared.until) == (REQUESTER, "anna Hospital", opened.until)
    assert opened.until - opened.begun == LASTS
    (told,) = alerts(anna)
    asked, got = alerts(berg)
    assert (told.side, told.user, told.text, told.outcome) == (Side.HOLDER, "dr-lee", REASON, Outcome.SUCCESS)
    assert STUDY in [one.study_uid for one in told.subjects]
    assert (asked.by, asked.subjects[0].patient_id, asked.text) == (By.OPERATOR, patient[0], REASON)
    assert (got.node, got.institution) == (anna.identity.node_id.raw, "anna Hospital")


async def test_where_no_rule_permits_it_or_the_patient_is_not_there_it_is_refused_by_the_same_name_and_recorded(
    pair: tuple[Node, Node],
) -> None:
    anna, berg = pair
    await fill(anna)
    patient = patient_of(anna)
    with pytest.raises(NoEmergencyHere):
        await break_glass(berg, patient)
    await permit(anna)
    for nobody in (("nobody", ""), (patient[0], "another issuer")):
        with pytest.raises(NoEmergencyHere):
            await break_glass(berg, nobody)
    for many in ("*", "CAN?RY"):
        with pytest.raises(BadConfiguration):
            await break_glass(berg, (many, ""))
    with pytest.raises(BadConfiguration):
        await berg.outsiders.emergencies.declare("dr-lee", *patient, "  ", by=By.OPERATOR)
    assert [one.outcome for one in alerts(anna)] == [Outcome.MINOR_FAILURE] * 3
    assert {one.reason for one in alerts(anna)} == {NoEmergencyHere.code}
    assert not anna.outsiders.emergencies.open_now()
    with pytest.raises(StudyNotFound):
        await retrieve(berg, user="dr-lee")


async def test_a_member_that_asks_with_a_wildcard_or_without_end_gets_nothing(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await permit(anna)
    link = await berg.links.control(anna.identity.node_id)
    wanted = EmergencyWanted(number=0, user="", patient_id="*", issuer="", reason=REASON)
    desk, requester = anna.outsiders.emergencies, anna.federation.requester(berg.identity.node_id, "")
    for _ in range(MAX_ASKED):
        with pytest.raises(NoEmergencyHere):
            await desk.answer(requester, wanted)
    with pytest.raises(Busy):
        await desk.answer(requester, wanted)
    assert link.is_open


async def test_what_is_under_way_is_cut_when_the_owner_ends_it(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna, instances=60, size=200_000)
    await permit(anna)
    await break_glass(berg, patient_of(anna))
    events = berg.retriever.retrieve("dr-lee", [Selection(study_uid=STUDY)])
    came = 0

    async def read() -> None:
        nonlocal came
        async for event in events:
            came += isinstance(event, Instance)
            if came == 1 and anna.outsiders.emergencies.open_now():
                anna.outsiders.emergencies.end(anna.outsiders.emergencies.open_now()[0].number)

    with pytest.raises(IdasError):
        await read()
    assert not anna.outsiders.emergencies.open_now()
    assert came < 60
    with pytest.raises(StudyNotFound):
        await retrieve(berg, user="dr-lee")
    assert [one.code for one in alerts(anna)] == [EMERGENCY_STARTED, EMERGENCY_STOPPED]


async def test_it_ends_by_itself_after_its_hour_at_both_sides(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await permit(anna)
    await break_glass(berg, patient_of(anna))
    for node in pair:
        state = node.sharing.emergencies
        begun = int(node.clock.now()) - LASTS - 1
        state._keep([replace(one, begun=begun, until=begun + LASTS) for one in state.all()])  # an hour passes
    state = anna.sharing.emergencies
    with pytest.raises(StudyNotFound):
        await retrieve(berg, user="dr-lee")
    for node in pair:
        await until(lambda node=node: alerts(node)[-1].code == EMERGENCY_STOPPED)  # type: ignore[misc]
        assert "over" in alerts(node)[-1].text
    assert not state.open_now(now=anna.clock.now())


async def test_the_users_of_the_house_may_break_the_glass_at_their_own_archive(lone: Node, tmp_path: Path) -> None:
    await fill(lone)
    own = 'to = "node:lone Hospital"\n'
    await permit(lone, f'[[rule]]\n{own}level = "full"\nbreak_glass = true\n[[rule]]\n{own}level = "none"\n')
    with pytest.raises(StudyNotFound):
        await retrieve(lone, user="dr-lee")
    await break_glass(lone, patient_of(lone))
    assert len(data_of(await retrieve(lone, user="dr-lee"))) == 4
