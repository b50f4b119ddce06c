from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.errors import PeerUnreachable, SpoolFull, StudyNotFound, TicketRefused
from idas_p2p.node.find import Search
from idas_p2p.node.node import Node
from idas_p2p.node.retrieve import is_named_truly
from idas_p2p.node.transfers import COPIES_DIFFER
from idas_p2p.store.transfers import State
from idas_p2p.wire.instance import Instance, Selection
from idas_p2p.wire.query import StudyQuery
from tests.node.nodes import (
    STUDY,
    data_of,
    fill,
    join,
    make_config,
    make_instance,
    retrieve,
    running,
    share,
    total_of,
    until,
)


def test_an_instance_is_believed_to_be_what_its_own_data_set_says() -> None:
    instance = make_instance(1)
    assert is_named_truly(instance)
    assert not is_named_truly(replace(instance, study_uid="1.2.999"))
    assert not is_named_truly(replace(instance, sop_instance_uid="1.2.999"))
    assert not is_named_truly(replace(instance, data=MemoryBlob(b"no data set")))


async def test_a_study_crosses_byte_for_byte_and_both_sides_count_it(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna)
    await share(anna)
    events = await retrieve(berg)
    assert data_of(events) == stored
    assert total_of(events) == len(stored)
    mine = berg.transfer_log.recent(1)[0]
    assert (mine.state, mine.partner, mine.counters.instances) == (State.DONE, "anna Hospital", len(stored))
    await until(lambda: anna.transfer_log.recent(1)[0].state is State.DONE)
    assert anna.transfer_log.recent(1)[0].partner == "berg Hospital"


async def test_our_own_study_crosses_no_network(lone: Node) -> None:
    stored = await fill(lone)
    assert data_of(await retrieve(lone)) == stored
    assert lone.transfer_log.recent(1)[0].counters.path == "local"


async def test_part_of_a_study_can_be_retrieved(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna)
    await share(anna)
    wanted = sorted(stored)[:2]
    selection = Selection(study_uid=STUDY, sop_instance_uids=tuple(wanted))
    events = [event async for event in berg.retriever.retrieve("", [selection])]
    assert sorted(data_of(events)) == wanted


async def test_what_nobody_offers_is_not_found(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    with pytest.raises(StudyNotFound):
        await retrieve(berg)
    await share(anna)
    with pytest.raises(StudyNotFound):
        await retrieve(berg, "9.9.9")


async def test_a_link_cut_in_the_middle_goes_on_where_it_stopped(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna, instances=8, size=400_000)
    await share(anna)
    events = []
    async with aclosing(berg.retriever.retrieve("", [Selection(study_uid=STUDY)])) as incoming:
        async for event in incoming:
            events.append(event)
            if isinstance(event, Instance) and len(events) == 3:
                for channel in list(anna.accepted._open):
                    await channel.close()
    assert data_of(events) == stored
    assert berg.transfer_log.recent(1)[0].state is State.DONE


async def test_instances_of_an_earlier_try_are_not_asked_for_again(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna, size=300_000)
    await share(anna)
    await retrieve(berg)
    first = berg.transfer_log.recent(1)[0].counters.wire_bytes
    assert data_of(await retrieve(berg)) == stored
    assert berg.transfer_log.recent(1)[0].counters.wire_bytes < first / 10


async def test_a_transfer_goes_on_after_the_requesting_node_restarted(tmp_path: Path) -> None:
    config = make_config(tmp_path, "berg")
    async with running(make_config(tmp_path, "anna")) as anna:
        anna.membership.create("Lake Region")
        stored = await fill(anna, instances=6)
        await share(anna)
        async with running(config) as berg:
            await join(berg, anna)
            async with aclosing(berg.retriever.retrieve("", [Selection(study_uid=STUDY)])) as events:
                async for event in events:
                    if isinstance(event, Instance):
                        break
        async with running(config) as berg:
            assert berg.spool.used_bytes > 0
            assert data_of(await retrieve(berg)) == stored


async def test_a_holder_that_has_more_completes_what_another_has(tmp_path: Path) -> None:
    async with (
        running(make_config(tmp_path, "anna")) as anna,
        running(make_config(tmp_path, "berg")) as berg,
        running(make_config(tmp_path, "carl")) as carl,
    ):
        anna.membership.create("Lake Region")
        await join(berg, anna)
        await join(carl, anna)
        await until(lambda: berg.federation.epoch == anna.federation.epoch)
        stored = await fill(anna, instances=5)
        await fill(berg, instances=2)
        await share(anna)
        await share(berg)
        assert data_of(await retrieve(carl)) == stored


async def test_when_a_holder_is_gone_the_other_is_asked(tmp_path: Path) -> None:
    async with running(make_config(tmp_path, "berg")) as berg, running(make_config(tmp_path, "carl")) as carl:
        async with running(make_config(tmp_path, "anna")) as anna:
            anna.membership.create("Lake Region")
            await join(berg, anna)
            await join(carl, anna)
            await until(lambda: berg.federation.epoch == anna.federation.epoch)
            stored = await fill(anna)
            await fill(berg)
            await share(anna)
            await share(berg)
            await carl.finder.offers_of("", STUDY)
        assert data_of(await retrieve(carl)) == stored


async def test_a_refused_ticket_is_replaced_by_a_fresh_one(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna)
    await share(anna)
    (offer,) = await berg.finder.offers_of("", STUDY)
    forged = replace(offer, ticket=replace(offer.ticket, mac=bytes(16)))
    berg.finder.offers.remember("", STUDY, forged)
    assert data_of(await retrieve(berg)) == stored


async def test_a_ticket_of_one_user_is_refused_to_another(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    (offer,) = await berg.finder.offers_of("dr-lee", STUDY)
    berg.finder.offers.remember("dr-moss", STUDY, offer)
    attempt = berg.finder.offers.valid("dr-moss", STUDY, now=berg.clock.now())
    assert attempt == [offer]
    events = await retrieve(berg, user="dr-moss")
    assert len(data_of(events)) == 4
    assert berg.finder.offers.valid("dr-moss", STUDY, now=berg.clock.now()) != [offer]


async def test_a_grant_that_was_revoked_ends_retrievals_also_from_the_spool(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    await retrieve(berg)
    anna.settings.remove_grant(1)
    anna.configure()
    with pytest.raises((StudyNotFound, TicketRefused)):
        await retrieve(berg)


async def test_a_full_spool_is_said_at_once(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna, size=100_000)
    await share(anna)
    berg.spool._max_bytes = 150_000
    with pytest.raises(SpoolFull):
        await retrieve(berg)


async def test_a_holder_that_does_not_answer_is_not_taken_for_a_study_that_does_not_exist(tmp_path: Path) -> None:
    async with running(make_config(tmp_path, "berg")) as berg:
        async with running(make_config(tmp_path, "anna")) as anna:
            anna.membership.create("Lake Region")
            await join(berg, anna)
            await fill(anna)
            await share(anna)
            search = Search(user="", query=StudyQuery.of({"StudyInstanceUID": STUDY}))
            assert [found.study.study_uid async for found in berg.finder.find(search)] == [STUDY]
        berg.finder.offers.forget("", STUDY, anna.identity.node_id)
        with pytest.raises(PeerUnreachable):
            await retrieve(berg)


@pytest.fixture
async def trio(tmp_path: Path) -> AsyncIterator[tuple[Node, Node, Node]]:
    """Anna founded a federation, Berg and Carl joined it."""
    async with (
        running(make_config(tmp_path, "anna")) as anna,
        running(make_config(tmp_path, "berg")) as berg,
        running(make_config(tmp_path, "carl")) as carl,
    ):
        anna.membership.create("Lake Region")
        await join(berg, anna)
        await join(carl, anna)
        await until(lambda: berg.federation.epoch == anna.federation.epoch)
        yield anna, berg, carl


async def store(node: Node, *instances: Instance) -> None:
    """Put these into a node's embedded archive and let everybody see them."""
    for instance in instances:
        await node.embedded.store(instance)
    await node.embedded.update_catalog()
    await share(node)


def data(*instances: Instance) -> dict[str, bytes]:
    return {instance.sop_instance_uid: instance.data.read() for instance in instances}


async def test_a_study_split_over_two_members_is_united(trio: tuple[Node, Node, Node]) -> None:
    anna, berg, carl = trio
    images = [make_instance(number) for number in range(1, 7)]
    await store(anna, *images[:3])
    await store(berg, *images[3:])
    events = await retrieve(carl)
    assert data_of(events) == data(*images)
    assert total_of(events) == 6
    last = carl.transfer_log.recent(1)[0]
    assert (last.state, sorted(last.partner.split(", "))) == (State.DONE, ["anna Hospital", "berg Hospital"])
    assert {one.holder for one in carl.transfer_log.manifests(last.number)} == {
        node.identity.node_id.raw for node in (anna, berg)
    }


async def test_what_others_have_beside_our_own_part_of_a_study_comes_too(trio: tuple[Node, Node, Node]) -> None:
    anna, berg, _ = trio
    images = [make_instance(number) for number in range(1, 7)]
    await store(anna, *images[:3])
    await store(berg, *images[3:])
    await berg.finder.offers_of("", STUDY)
    events = await retrieve(berg)
    assert data_of(events) == data(*images)
    assert total_of(events) == 6
    assert {one.state for one in berg.transfer_log.recent(2)} == {State.DONE}


async def test_another_copy_of_our_own_study_is_reported_and_left_out(trio: tuple[Node, Node, Node]) -> None:
    anna, berg, _ = trio
    ours = [make_instance(number) for number in range(1, 4)]
    theirs = [make_instance(1, name="OTHER^NAME"), *ours[1:], make_instance(4)]
    await store(anna, *theirs)
    await store(berg, *ours)
    await berg.finder.offers_of("", STUDY)
    assert data_of(await retrieve(berg)) == data(*ours)
    assert COPIES_DIFFER in {one.reason for one in berg.transfer_log.recent(2)}


async def test_of_two_members_whose_copies_differ_one_is_left_out_and_named(trio: tuple[Node, Node, Node]) -> None:
    anna, berg, carl = trio
    images = [make_instance(number) for number in range(1, 5)]
    other = [*images[:3], make_instance(4, name="OTHER^NAME")]
    await store(anna, *images)
    await store(berg, *other)
    assert data_of(await retrieve(carl)) in (data(*images), data(*other))
    last = carl.transfer_log.recent(1)[0]
    assert (last.state, last.reason) == (State.DONE, COPIES_DIFFER)


async def test_a_member_that_dies_in_the_middle_costs_only_its_share(trio: tuple[Node, Node, Node]) -> None:
    anna, berg, carl = trio
    images = [make_instance(number, size=400_000) for number in range(1, 17)]
    await store(anna, *images)
    await store(berg, *images)
    events = []
    async with aclosing(carl.retriever.retrieve("", [Selection(study_uid=STUDY)])) as incoming:
        async for event in incoming:
            events.append(event)
            if isinstance(event, Instance) and len(events) == 4:
                await berg.listener.stop()
    assert data_of(events) == data(*images)
    assert carl.transfer_log.recent(1)[0].state is State.DONE
