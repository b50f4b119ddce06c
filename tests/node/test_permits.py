"""What a transfer was begun with is asked for again while it runs, and tickets serve nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from idas_p2p.errors import AccessDenied, StudyNotFound, TicketRefused
from idas_p2p.node.find import Offer
from idas_p2p.node.node import Node
from idas_p2p.node.permits import RECHECK_INTERVAL, Permit
from idas_p2p.store.labels import STUDY as STUDY_LABEL
from idas_p2p.store.labels import Label, Labels
from idas_p2p.transport.channel import Channel
from idas_p2p.wire.fetching import FetchEnd, FetchRequest, FetchStart
from idas_p2p.wire.messages import decode_message, encode_message
from tests.directory.network import ManualClock
from tests.node.nodes import STUDY, fill, join, make_config, running, share, until


def test_a_permit_is_asked_for_again_when_the_policy_changed_or_a_second_went_by(clock: ManualClock) -> None:
    answers, version = [True], [1]
    asked = list[bool]()

    def ask() -> bool:
        asked.append(answers[0])
        return answers[0]

    permit = Permit(ask, version=lambda: version[0], clock=clock)
    assert [permit(), permit()] == [True, True]
    assert len(asked) == 1
    answers[0] = False
    assert permit()
    clock.advance(RECHECK_INTERVAL)
    assert not permit()
    answers[0] = True
    assert not permit()
    version[0] = 2
    assert permit()


async def begin(berg: Node, anna: Node, offer: Offer, *, user: str = "") -> Channel:
    """An image link on which a study begins to come."""
    channel = await berg.links.image(anna.identity.node_id)
    wanted = {"study_uid": STUDY, "series_uids": (), "sop_instance_uids": (), "mode": 0, "priority": 1}
    await channel.send(encode_message(FetchRequest(user=user, ticket=offer.ticket, **wanted)))
    return channel


async def end_of(channel: Channel) -> FetchEnd:
    async with asyncio.timeout(20):
        while not isinstance(message := decode_message(await channel.receive()), FetchEnd):
            pass
    await channel.close()
    return message


@pytest.mark.parametrize("how", ["revoke", "label", "file"])
async def test_a_transfer_under_way_ends_when_its_rule_is_taken_back(pair: tuple[Node, Node], how: str) -> None:
    anna, berg = pair
    await fill(anna, instances=20, size=2_000_000)
    (anna.config.folder / "policy.toml").write_text('[[rule]]\nto = "everyone"\nlabels = "vip"\nlevel = "none"\n')
    anna.settings.add_grant(subject="everyone", level="full")
    anna.configure()
    (offer,) = await berg.finder.offers_of("", STUDY)
    channel = await begin(berg, anna, offer)
    assert isinstance(decode_message(await channel.receive()), FetchStart)
    if how == "revoke":
        anna.settings.remove_grant(1)
        anna.configure()
    elif how == "label":
        Labels(anna.database).add(Label(label="vip", kind=STUDY_LABEL, name=STUDY))
        anna.configure()
    else:
        (anna.config.folder / "policy.toml").write_text('[[rule]]\nto = "everyone"\nlevel = "none"\n')
        await until(lambda: len(anna.rules.policy) == 2 and not anna.rules.policy.rules[0].objects.labels)
    assert (await end_of(channel)).code == AccessDenied.code


async def test_a_ticket_is_of_no_use_to_another_user_or_another_node(pair: tuple[Node, Node], tmp_path: Path) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    (offer,) = await berg.finder.offers_of("dr-lee", STUDY)
    assert (await end_of(await begin(berg, anna, offer, user="dr-lee"))).code == ""
    assert (await end_of(await begin(berg, anna, offer, user="dr-moss"))).code == TicketRefused.code
    async with running(make_config(tmp_path, "carl")) as carl:
        await join(carl, anna)
        assert (await end_of(await begin(carl, anna, offer, user="dr-lee"))).code == TicketRefused.code


async def test_a_ticket_that_was_seen_before_is_worth_what_the_policy_gives_now(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    anna.settings.add_grant(subject="everyone", level="full")
    anna.configure()
    (offer,) = await berg.finder.offers_of("", STUDY)
    anna.settings.remove_grant(1)
    anna.configure()
    assert (await end_of(await begin(berg, anna, offer))).code == StudyNotFound.code
    anna.settings.add_grant(subject="everyone", level="obscured")
    anna.configure()
    assert (await end_of(await begin(berg, anna, offer))).code == TicketRefused.code
