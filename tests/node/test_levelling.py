from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import pytest

from idas_p2p.access.levels import DEIDENTIFIED, OBSCURED, parse_level
from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.scan import header_of
from idas_p2p.errors import AccessDenied, BadConfiguration, LocalError, StudyNotFound
from idas_p2p.node.find import Search
from idas_p2p.node.levelling import PROJECT_KEY
from idas_p2p.node.node import Node
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.level import Level
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.dicom.memory_node import EXPLICIT, encode, make_dataset
from tests.node.levels import Vault, levelling_in_memory
from tests.node.nodes import STUDY, data_of, failed_in, fill, make_instance, publish, retrieve, share, total_of

PROJECT = parse_level("trial", {"base": "deidentified", "project": "liver", "burned_in": "allow"})


async def find(node: Node, **keys: str) -> list[Study]:
    search = Search(user="", query=StudyQuery.of(keys))
    async with aclosing(node.finder.find(search)) as found:
        return [one.study async for one in found]


async def give(node: Node, toml: str) -> None:
    """Have a node follow a policy."""
    (node.config.folder / "policy.toml").write_text(toml)
    node.configure()
    await publish(node)


async def test_a_member_sees_and_gets_a_study_deidentified(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna)
    await share(anna, "deidentified")
    (study,) = await find(berg, ModalitiesInStudy="CT")
    assert study.study_uid.startswith("2.25.")
    assert "CANARY" not in "".join(study.value(keyword) for keyword in ("PatientName", "PatientID"))
    events = await retrieve(berg, study.study_uid)
    came = data_of(events)
    assert total_of(events) == len(came) == len(stored)
    assert not [data for data in came.values() if b"BIRD" in data]
    assert {one.study_uid for one in events if isinstance(one, Instance)} == {study.study_uid}
    pixels = {data[-1_000:] for data in stored.values()}
    assert {data[-1_000:] for data in came.values()} == pixels


async def test_a_hidden_name_finds_nothing_and_neither_does_the_uid_it_had(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna, "deidentified")
    assert await find(berg, PatientName="CANARY*") == []
    assert await find(berg, StudyInstanceUID=STUDY) == []
    with pytest.raises(StudyNotFound):
        await retrieve(berg, STUDY)


async def test_an_obscured_study_goes_by_its_own_uid_and_without_names(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna)
    await share(anna, "obscured")
    (study,) = await find(berg, StudyInstanceUID=STUDY)
    assert study.patient_name != "CANARY^BIRD"
    came = data_of(await retrieve(berg))
    assert came.keys() == stored.keys()
    assert not [data for data in came.values() if b"BIRD" in data]


async def test_a_deidentified_study_is_found_again_by_the_uid_it_goes_by(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna, "deidentified")
    (study,) = await find(berg)
    assert [one.study_uid for one in await find(berg, StudyInstanceUID=study.study_uid)] == [study.study_uid]
    assert [one.study_uid for one in await find(berg, PatientID=study.patient_id)] == [study.study_uid]


async def test_part_of_a_deidentified_study_can_be_retrieved(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna, "deidentified")
    (study,) = await find(berg)
    whole = data_of(await retrieve(berg, study.study_uid))
    wanted = sorted(whole)[:2]
    selection = Selection(study_uid=study.study_uid, sop_instance_uids=tuple(wanted))
    events = [event async for event in berg.retriever.retrieve("", [selection])]
    assert data_of(events) == {uid: whole[uid] for uid in wanted}


async def test_a_link_cut_in_the_middle_goes_on_with_the_same_bytes(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna, instances=6, size=400_000)
    await share(anna, "deidentified")
    (study,) = await find(berg)
    events = list[RetrieveEvent]()
    async with aclosing(berg.retriever.retrieve("", [Selection(study_uid=study.study_uid)])) as incoming:
        async for event in incoming:
            events.append(event)
            if isinstance(event, Instance) and len(events) == 3:
                for channel in list(anna.accepted._open):
                    await channel.close()
    assert len(data_of(events)) == len(stored)
    assert failed_in(events) == []


async def test_a_level_of_the_hospitals_own_is_applied_to_answer_and_images(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await give(anna, '[levels.law]\nbase = "obscured"\nhides_ids = true\n[[rule]]\nto = "everyone"\nlevel = "law"\n')
    (study,) = await find(berg)
    assert study.patient_id == study.patient_name != ""
    (one, *_) = [event for event in await retrieve(berg) if isinstance(event, Instance)]
    header = header_of(one.data, one.transfer_syntax_uid)
    assert (header.study.patient_id, header.study.patient_name) == (study.patient_id, study.patient_name)


async def test_an_image_with_text_burned_in_fails_alone_and_the_others_come(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    ds = make_dataset(9)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = STUDY, f"{STUDY}.4", f"{STUDY}.4.9"
    ds.BurnedInAnnotation = "YES"
    data = MemoryBlob(encode(ds))
    await anna.embedded.store(header_of(data, EXPLICIT).instance(data, EXPLICIT))
    stored = await fill(anna)
    await share(anna, "deidentified")
    (study,) = await find(berg)
    events = await retrieve(berg, study.study_uid)
    assert len(data_of(events)) == len(stored)
    assert len(failed_in(events)) == 1


async def test_a_level_that_names_no_attribute_refuses_the_file(lone: Node) -> None:
    await give(lone, '[levels.law]\nbase = "obscured"\nremove = ["NoSuchThing"]\n')
    assert "NoSuchThing" in lone.rules.refusal


async def test_a_user_of_the_house_is_held_to_its_level_too(lone: Node) -> None:
    stored = await fill(lone)
    await give(lone, '[[rule]]\nto = "node:lone Hospital"\nlevel = "deidentified"\n')
    (study,) = await find(lone)
    assert study.study_uid != STUDY
    came = data_of(await retrieve(lone, study.study_uid))
    assert len(came) == len(stored)
    assert not [data for data in came.values() if b"BIRD" in data]
    with pytest.raises(StudyNotFound):
        await retrieve(lone)


async def test_a_change_of_level_ends_what_runs_and_voids_tickets(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await give(anna, '[[rule]]\nto = "everyone"\nlevel = "full"\n')
    (study,) = await find(berg)
    await give(anna, '[[rule]]\nto = "everyone"\nlevel = "obscured"\n')
    came = data_of(await retrieve(berg, study.study_uid))
    assert not [data for data in came.values() if b"BIRD" in data]


def study_of(instance: Instance) -> Study:
    return header_of(instance.data, instance.transfer_syntax_uid).study


def test_nodes_with_the_key_of_a_project_call_a_patient_and_a_study_the_same() -> None:
    study = study_of(make_instance(1))
    shared = Vault({PROJECT_KEY + "liver": b"k" * 32})
    one, two = (levelling_in_memory(shared).view(PROJECT).study(study) for _ in range(2))
    assert one == two
    assert levelling_in_memory().view(PROJECT).study(study).study_uid != one.study_uid
    assert levelling_in_memory(shared).view(DEIDENTIFIED).study(study).study_uid != one.study_uid


def test_what_was_shown_leads_back_and_what_was_not_does_not() -> None:
    study = study_of(make_instance(1))
    view = levelling_in_memory().view(DEIDENTIFIED)
    shown = view.study(study)
    assert view.original(shown.study_uid) is None
    with pytest.raises(StudyNotFound):
        view.selection(Selection(study_uid=shown.study_uid))
    view.remember(study, shown)
    assert view.original(shown.study_uid) == STUDY
    assert view.selection(Selection(study_uid=shown.study_uid)) == Selection(study_uid=STUDY)
    assert levelling_in_memory().view(OBSCURED).original(STUDY) == STUDY


async def levelled(level: Level, *events: RetrieveEvent, **asked: tuple[str, ...]) -> list[RetrieveEvent]:
    async def given() -> object:
        for event in events:
            yield event

    view = levelling_in_memory().view(level)
    selection = Selection(study_uid=view.uid(STUDY), **asked)
    return [shown.event async for shown in view.events(given(), selection)]  # type: ignore[arg-type]


async def test_an_image_that_may_not_be_shown_fails_under_the_name_it_goes_by() -> None:
    broken = replace(make_instance(1), data=MemoryBlob(b"no data set"))
    lost = InstanceFailed(sop_instance_uid="1.2.3.4.9", reason=AccessDenied())
    events = await levelled(DEIDENTIFIED, Total(3), broken, lost, make_instance(2))
    view = levelling_in_memory().view(DEIDENTIFIED)
    assert [type(event) for event in events] == [Total, InstanceFailed, InstanceFailed, Instance]
    assert failed_in(events) == [view.uid("1.2.3.4.1"), view.uid("1.2.3.4.9")]


async def test_an_image_that_breaks_the_engine_is_not_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object, _instance: Instance) -> Instance:
        raise ZeroDivisionError

    monkeypatch.setattr("idas_p2p.dicom.levels.engine.Engine.parts", fail)
    (failed,) = await levelled(DEIDENTIFIED, make_instance(1))
    assert isinstance(failed, InstanceFailed)
    assert isinstance(failed.reason, LocalError)


async def test_only_what_was_asked_for_is_told_of_and_counted() -> None:
    view = levelling_in_memory().view(DEIDENTIFIED)
    wanted = view.uid("1.2.3.4.2")
    events = await levelled(
        DEIDENTIFIED, Total(3), *(make_instance(number) for number in (1, 2, 3)), sop_instance_uids=(wanted,)
    )
    assert [event.count for event in events if isinstance(event, Total)] == [1]
    assert list(data_of(events)) == [wanted]


def test_a_level_that_names_no_attribute_has_no_view() -> None:
    with pytest.raises(BadConfiguration):
        levelling_in_memory().view(parse_level("own", {"base": "full", "remove": ["NoSuchThing"]}))
