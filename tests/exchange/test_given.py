"""What an archive gives, told once and counted truly; the messages of each case are in test_send.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.errors import ArchiveFailed, MalformedInstance
from idas_p2p.exchange.given import Given
from idas_p2p.exchange.outgoing import Outgoing
from idas_p2p.wire.fetching import FetchStart, InstanceLost
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total
from idas_p2p.wire.messages import decode_message
from tests.exchange.ends import EVERYTHING, HOLDER, image_pair, instance, no_layout


class Told:
    """A Given and what it tells."""

    def __init__(self, selection: Selection = EVERYTHING) -> None:
        self.asking, holder = image_pair()
        self.outgoing = Outgoing(holder, HOLDER, study_uid="1.2", still_allowed=lambda: True, layout_of=no_layout)
        self.instances = list[Instance]()
        self.given = Given(self.outgoing, selection, self.tell)

    async def tell(self, one: Instance) -> None:
        self.instances.append(one)

    async def take(self, *events: Total | Instance | InstanceFailed) -> list[object]:
        """Give these; return the messages."""
        async with self.outgoing.outbox as outbox:
            for event in events:
                await self.given.take(event)
            await outbox.settle()
        return [decode_message(await self.asking.receive()) for _ in range(self.outgoing._channel.messages_sent)]


async def test_each_instance_is_told_once_and_counted() -> None:
    told = Told()
    failed = InstanceFailed(sop_instance_uid="1.2.1.9", reason=ArchiveFailed())
    messages = await told.take(Total(3), instance(1), instance(1), failed)
    assert [one.sop_instance_uid for one in told.instances] == ["1.2.1.1"]
    assert messages == [FetchStart(total=3), InstanceLost(sop_instance_uid="1.2.1.9", code=ArchiveFailed.code)]
    assert told.given.count == 2


async def test_what_was_not_asked_for_is_not_told() -> None:
    told = Told(Selection(study_uid="1.2", sop_instance_uids=("1.2.1.2",)))
    await told.take(Total(3), instance(1), instance(2), instance(2, study="9"))
    assert [one.sop_instance_uid for one in told.instances] == ["1.2.1.2"]


async def test_fewer_than_promised_is_a_failure_of_the_archive() -> None:
    told = Told()
    await told.take(Total(3), instance(1))
    with pytest.raises(ArchiveFailed):
        await told.given.finish()


async def test_one_that_no_message_can_name_is_said_at_the_end() -> None:
    told = Told()
    await told.take(Total(1), replace(instance(1), sop_instance_uid=""))
    with pytest.raises(MalformedInstance):
        await told.given.finish()
