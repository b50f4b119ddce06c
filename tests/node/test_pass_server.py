"""What a pass gives on its channel, and what it does not, whatever the peer asks; and what is written down of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.admission import psk_id
from idas_p2p.access.invitation import PassCode
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.errors import ChannelClosed, PassRefused, PassUsed, StudyNotFound, TicketRefused
from idas_p2p.node.node import Node
from idas_p2p.store.audit_log import segments
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord, By, Event, Kind, Outcome
from idas_p2p.wire.fetching import FetchEnd, FetchRequest, FetchStart, Mode, Priority
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.messages import Ping, RequestEnd, decode_message, encode_message
from idas_p2p.wire.outside import PassOffer, PassReceived, PassWanted
from idas_p2p.wire.schema import decode
from tests.node.nodes import STUDY, fill, make_config, make_instance, running, until

ME, OTHER = SigningKey.generate(), SigningKey.generate()


@pytest.fixture
async def holder(tmp_path: Path) -> AsyncIterator[Node]:
    """A node of no federation with two studies."""
    async with running(make_config(tmp_path, "anna")) as node:
        await node.embedded.store(make_instance(1, study_uid="9.9"))
        await fill(node, instances=20)
        yield node


async def share(node: Node, level: str = "full") -> PassCode:
    return PassCode.from_code((await node.outsiders.desk.share(STUDY, level, lifetime=60, uses=1)).code)


async def opened(node: Node, code: PassCode, identity: SigningKey = ME) -> SecureChannel:
    psk = Psk(psk_id=psk_id(code.psk), key=code.psk)
    place = (node.network_address,)
    return await dial(identity, node.identity.node_id, place, purpose=Purpose.PASS, psk=psk, timeout=10.0)


async def ask(channel: SecureChannel, message: Any) -> Any:
    await channel.send(encode_message(message))
    return decode_message(await channel.receive())


def fetch_of(offer: PassOffer, **changes: Any) -> FetchRequest:
    request = FetchRequest(
        user="",
        ticket=offer.ticket,
        study_uid=offer.study.study_uid,
        series_uids=(),
        sop_instance_uids=(),
        mode=Mode.ALL,
        priority=Priority.HIGH,
    )
    return replace(request, **changes)


def noted(node: Node) -> list[Event]:
    """What the log says of holders of passes."""
    bodies = [frame.body for one in segments(node.config.folder / "audit") for frame in one.frames()]
    events = [decode(AuditRecord, body, max_size=MAX_RECORD_BYTES).event for body in bodies]
    return [one for one in events if one.by == By.PASS]


async def test_every_step_is_recorded_under_the_pass_with_every_instance_by_name(holder: Node) -> None:
    code = await share(holder)
    label = holder.outsiders.passes.all()[0].label
    channel = await opened(holder, code)
    offer = await ask(channel, PassWanted())
    first = await ask(channel, fetch_of(offer))
    assert isinstance(first, FetchStart)
    while not isinstance(decode_message(await channel.receive()), FetchEnd):
        pass
    await channel.close()
    await until(lambda: noted(holder)[-1].kind == Kind.TRANSFERRED)
    events = noted(holder)
    assert {(one.user, one.level, one.node) for one in events} == {(f"pass:{label}", "full", ME.node_id.raw)}
    assert [one.kind for one in events[:2]] == [Kind.SHOWN, Kind.BEGIN_TRANSFER]
    named = {uid for one in events if one.text.startswith("instances ") for uid in one.text.split()[1:]}
    assert named == {f"{STUDY}.4.{number}" for number in range(1, 21)}
    assert (events[-1].instances, events[-1].failed) == (20, 0)


async def test_a_pass_gives_its_study_at_its_level_to_its_machine_and_nothing_else(holder: Node) -> None:
    code = await share(holder, "obscured")
    channel = await opened(holder, code)
    offer = await ask(channel, PassWanted())
    wrong = {
        StudyNotFound: fetch_of(offer, study_uid="9.9"),
        TicketRefused: fetch_of(offer, ticket=replace(offer.ticket, level="full")),
    }
    for error, request in wrong.items():
        answer = await ask(await opened(holder, code), request)
        assert answer == FetchEnd(code=error.code)
    assert isinstance(await ask(await opened(holder, code), fetch_of(offer)), FetchStart)
    assert await ask(await opened(holder, code, OTHER), PassWanted()) == RequestEnd(number=0, code=PassUsed.code)
    assert await ask(await opened(holder, code, OTHER), fetch_of(offer)) == FetchEnd(code=PassUsed.code)
    assert [one.outcome for one in noted(holder) if one.reason == PassUsed.code] == [Outcome.MINOR_FAILURE] * 2


async def test_who_says_that_everything_arrived_gets_nothing_more(holder: Node) -> None:
    code = await share(holder)
    channel = await opened(holder, code)
    offer = await ask(channel, PassWanted())
    assert await ask(channel, PassReceived(instances=20)) == RequestEnd(number=0, code="")
    assert holder.outsiders.desk.rows()[0]["state"] == "open"  # it never began
    assert isinstance(await ask(await opened(holder, code), fetch_of(offer)), FetchStart)
    assert await ask(await opened(holder, code), PassReceived(instances=20)) == RequestEnd(number=0, code="")
    assert await ask(await opened(holder, code), fetch_of(offer)) == FetchEnd(code=PassUsed.code)


async def test_a_level_that_is_not_defined_any_more_and_a_study_that_went_give_nothing(holder: Node) -> None:
    policy = holder.config.folder / "policy.toml"
    policy.write_text('[levels.mine]\nbase = "obscured"\n')
    holder.configure()
    code = await share(holder, "mine")
    channel = await opened(holder, code)
    assert isinstance(await ask(channel, PassWanted()), PassOffer)
    policy.write_text("")
    holder.configure()
    assert await ask(channel, PassWanted()) == RequestEnd(number=0, code=PassRefused.code)


async def test_whoever_breaks_the_protocol_loses_its_channel(holder: Node) -> None:
    channel = await opened(holder, await share(holder))
    await channel.send(encode_message(Ping(number=1)))
    with pytest.raises(ChannelClosed):
        await channel.receive()
