from __future__ import annotations

from contextlib import aclosing

import pytest

from idas_p2p.dicom.services import Caller
from idas_p2p.errors import AccessDenied, StudyNotFound, UnknownCaller, UnknownDestination
from idas_p2p.node.node import Node
from idas_p2p.node.permits import RECHECK_INTERVAL
from idas_p2p.node.services import NodeServices
from idas_p2p.store.settings import Archive, User, Workstation
from idas_p2p.store.sign_ins import Session, SignIns
from idas_p2p.wire.address import Address
from idas_p2p.wire.audit import Kind
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.instance import Instance, Selection
from idas_p2p.wire.query import StudyQuery
from tests.directory.network import ManualClock
from tests.node.nodes import STUDY, data_of, fill, make_instance
from tests.node.test_auditing import records

HERE = Address("127.0.0.1", 11112)


@pytest.fixture
def services(lone: Node) -> NodeServices:
    lone.settings.add_workstation(Workstation(aet="VIEWER", address=HERE))
    lone.settings.add_archive(Archive(name="pacs", aet="PACS", address=HERE, poll_seconds=3_600.0))
    return lone.services


def caller(aet: str) -> Caller:
    return Caller(aet=aet, called_aet="LONE", address="127.0.0.1", local_address="127.0.0.1")


async def find(services: NodeServices, aet: str) -> list[str]:
    return [study.study_uid async for study in services.find(caller(aet), StudyQuery())]


async def test_known_devices_are_let_in_and_strangers_are_not(services: NodeServices) -> None:
    await services.admit(caller("VIEWER"))
    await services.admit(caller("PACS"))
    with pytest.raises(UnknownCaller):
        await services.admit(caller("NOBODY"))


async def test_what_a_workstation_stores_it_finds_and_retrieves_at_once(services: NodeServices) -> None:
    instance = make_instance(1)
    await services.store(caller("VIEWER"), instance)
    assert await find(services, "VIEWER") == [STUDY]
    events = [e async for e in services.retrieve(caller("VIEWER"), [Selection(study_uid=STUDY)], Priority.MEDIUM)]
    assert data_of(events) == {instance.sop_instance_uid: instance.data.read()}


async def test_an_archive_may_not_ask_and_stores_only_what_was_asked_for(services: NodeServices) -> None:
    with pytest.raises(AccessDenied):
        await find(services, "PACS")
    with pytest.raises(AccessDenied):
        await anext(services.retrieve(caller("PACS"), [Selection(study_uid=STUDY)], Priority.MEDIUM))
    with pytest.raises(AccessDenied):
        await services.store(caller("PACS"), make_instance(1))


async def test_an_instance_goes_to_the_fetch_that_waits_for_it(services: NodeServices, lone: Node) -> None:
    instance = make_instance(1)
    with lone.inbound.expect("PACS", Selection(study_uid=STUDY)) as expectation:
        await services.store(caller("PACS"), instance)
        taken = await expectation.take(20.0)
    assert isinstance(taken, Instance)
    assert (taken.sop_instance_uid, taken.data.read()) == (instance.sop_instance_uid, instance.data.read())
    assert lone.objects.instances(Selection(study_uid=STUDY)) == []


async def test_images_go_to_configured_workstations_only(services: NodeServices) -> None:
    assert (await services.destination(caller("VIEWER"), "VIEWER")).address == HERE
    with pytest.raises(UnknownDestination):
        await services.destination(caller("VIEWER"), "NOBODY")


async def test_studies_held_twice_are_told_once(services: NodeServices, lone: Node) -> None:
    await fill(lone)
    lone.catalog.record("pacs", [lone.catalog.entries(STUDY)[0].study], now=1.0)
    assert await find(services, "VIEWER") == [STUDY]


async def test_a_retrieval_under_way_ends_when_its_user_is_removed(services: NodeServices, lone: Node) -> None:
    lone.settings.add_user(User(name="dr-lee", password_hash="x"))
    lone.settings.add_workstation(Workstation(aet="VIEWER", address=HERE, user="dr-lee"))
    SignIns(lone.database).open_session(Session(aet="VIEWER", user="dr-moss", until=2e10))
    lone.settings.add_user(User(name="dr-moss", password_hash="x"))
    await fill(lone, instances=3)
    clock = ManualClock()
    services._clock = clock
    async with aclosing(services.retrieve(caller("VIEWER"), [Selection(study_uid=STUDY)], Priority.MEDIUM)) as events:
        await anext(events)
        lone.settings.remove_user("dr-moss")
        clock.advance(RECHECK_INTERVAL)
        with pytest.raises(AccessDenied):
            await anext(events)


async def test_one_node_serves_the_workstations_of_two_clinics_each_with_its_own_users_and_studies(lone: Node) -> None:
    clinics = {"A": "1.2.3", "B": "4.5.6"}
    rules = ['[[rule]]\nto = "node:lone Hospital"\nlevel = "none"\n']
    for name, study_uid in clinics.items():
        await fill(lone, study_uid=study_uid)
        lone.settings.add_user(User(name=f"dr-{name}", password_hash="x", groups=(f"clinic {name}",)))
        lone.settings.add_workstation(Workstation(aet=f"VIEWER{name}", address=HERE, user=f"dr-{name}"))
        rules.insert(0, f'[[rule]]\nto = "group:clinic {name}"\nstudies = "{study_uid}"\nlevel = "full"\n')
    (lone.config.folder / "policy.toml").write_text("\n".join(rules))
    lone.configure()
    for name, study_uid in clinics.items():
        viewer = caller(f"VIEWER{name}")
        assert await find(lone.services, viewer.aet) == [study_uid]
        for other in clinics.values():
            selections = [Selection(study_uid=other)]
            events = lone.services.retrieve(viewer, selections, Priority.MEDIUM)
            if other == study_uid:
                assert len(data_of([event async for event in events])) == 4
            else:
                with pytest.raises(StudyNotFound):
                    await anext(events)


async def test_what_a_workstation_stores_is_on_record(services: NodeServices, lone: Node) -> None:
    await services.store(caller("VIEWER"), make_instance(1))
    services.close()
    found = [one.event for one in records(lone.config.folder) if one.event.aet == "VIEWER"]
    assert [(one.kind, one.instances) for one in found] == [(Kind.BEGIN_TRANSFER, 0), (Kind.TRANSFERRED, 1)]
    assert found[0].subjects[0].study_uid == STUDY
