"""The holder's side of a listed fetch: every instance is listed as the archive gives it, and sent when it is wanted.

Law: wants are answered in their order, each by the instance or its loss; a list that the archive broke off says so, and
what was listed can still be had. Belongs here: listing, answering, reading what is wanted, all at once. Not here: the
messages (outgoing.py). Source: docs/spec/exchange.md section 4.4.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import Final

from idas_p2p.errors import ChannelClosed, IdasError, WireError
from idas_p2p.exchange.given import Given
from idas_p2p.exchange.interfaces import Channel, StudyLease
from idas_p2p.exchange.outgoing import Measured, Outgoing
from idas_p2p.wire.fetching import Done, ListEnd, Taken, Want, Wanted
from idas_p2p.wire.instance import Instance, Selection
from idas_p2p.wire.messages import decode_message

MAX_OUTSTANDING: Final = 8_192  # instances wanted and not sent yet; protocol


async def send_listed(channel: Channel, outgoing: Outgoing, lease: StudyLease, selection: Selection) -> None:
    """List a study and send what is wanted of it until the requester is done.

    Args:
        channel: what the requester says comes from here.
        outgoing: what it is told goes here.
        lease: the study.
        selection: what was asked for of it.

    Raises:
        WireError: the requester broke the protocol.
        IdasError: the archive gave nothing, or the requester may no longer have it.
        ChannelClosed: it went away, takes nothing, or says nothing.
    """
    listing = _Listing(channel, outgoing, lease, selection)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(listing.list_all()), group.create_task(listing.answer())]
            await listing.read()
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as group_error:
        raise _first(group_error) from None


class _Listing:
    """One listed study."""

    def __init__(self, channel: Channel, outgoing: Outgoing, lease: StudyLease, selection: Selection) -> None:
        self._channel, self._outgoing, self._lease = channel, outgoing, lease
        self._given = Given(outgoing, selection, self._list)
        self._listed = dict[str, Measured]()
        self._wanted = deque[Wanted]()
        self._changed = asyncio.Event()

    async def list_all(self) -> None:
        """Tell of everything that the archive gives."""
        code = ""
        try:
            async with aclosing(self._lease.events()) as events:  # type: ignore[type-var]
                async for event in events:
                    await self._given.take(event)
            await self._given.finish()
        except ChannelClosed:
            raise
        except IdasError as error:
            if not self._listed:
                raise
            code = error.code
        await self._outgoing.send(ListEnd(count=self._given.count, code=code))

    async def _list(self, instance: Instance) -> None:
        if (measured := await self._outgoing.measure(instance)) is not None:
            self._listed[instance.sop_instance_uid] = measured
            await self._outgoing.list_instance(instance, measured)

    async def answer(self) -> None:
        """Send what is wanted."""
        while True:
            while not self._wanted:
                self._changed.clear()
                await self._changed.wait()
            wanted = self._wanted.popleft()
            uid = wanted.sop_instance_uid
            try:
                instance = await self._lease.instance(uid)
            except IdasError as error:
                await self._outgoing.lose(uid, error.code)
            else:
                await self._outgoing.send_instance(instance, self._listed[uid], start=wanted.start)

    async def read(self) -> None:
        """Take what the requester says until it is done."""
        while True:
            try:
                async with asyncio.timeout(self._outgoing.patience):
                    message = decode_message(await self._channel.receive())
            except TimeoutError:
                raise ChannelClosed("the requester says nothing") from None
            if isinstance(message, Done):
                return
            if isinstance(message, Want):
                self._want(message)
            elif isinstance(message, Taken):
                for uid in message.sop_instance_uids:
                    if uid in self._listed:
                        self._lease.taken(uid)
            else:
                raise WireError("unexpected message from a requester")

    def _want(self, message: Want) -> None:
        if len(self._wanted) + len(message.instances) > MAX_OUTSTANDING:
            raise WireError("too much is wanted at once")
        if any(one.sop_instance_uid not in self._listed for one in message.instances):
            raise WireError("an instance is wanted that was not listed")
        self._wanted.extend(message.instances)
        self._changed.set()


def _first(group: BaseExceptionGroup) -> BaseException:
    """The first of the errors that tasks ended with."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
