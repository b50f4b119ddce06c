"""The asker's side of a control link: many questions at once over one channel, each with its own answer.

Belongs here: numbering requests and handing answers to who asked. Not here: whom to ask
(find.py), dialling (node/links.py), waiting answers (inbox.py).
Source: docs/spec/exchange.md section 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from idas_p2p.errors import Busy, ChannelClosed, IdasError, PeerUnreachable, WireError
from idas_p2p.exchange.codes import error_of
from idas_p2p.exchange.inbox import Inbox
from idas_p2p.exchange.interfaces import Channel
from idas_p2p.exchange.places import Places
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address
from idas_p2p.wire.audit_messages import AuditGrown, AuditReceived
from idas_p2p.wire.emergency import EmergencyOpened
from idas_p2p.wire.ice import IceTerms
from idas_p2p.wire.messages import (
    EXCHANGE_VERSION,
    CancelRequest,
    FindRequest,
    Hello,
    Hit,
    Hits,
    IceAnswer,
    IceRequest,
    ManifestOffer,
    ManifestWanted,
    MeetOffer,
    MeetRequest,
    Ping,
    Pong,
    RequestEnd,
    decode_message,
    encode_message,
)
from idas_p2p.wire.parts import PartQuery, Parts, PartsRequest, StudyPart
from idas_p2p.wire.query import StudyQuery

T = TypeVar("T", Hits, Parts)

MAX_OPEN_REQUESTS = 256  # on one link, cancellations not yet sent included; ours
ANSWER_TIMEOUT = 15.0  # seconds for the one answer to anything but a find; ours
QUIET = 1.0  # seconds without a word while an answer is waited for, until the link is pinged; ours
QUIET_PING_TIMEOUT = 3.0  # seconds for that; ours: then the way is lost, and there is time to ask by another one
_ANSWERS = (
    *(Hits, Parts, RequestEnd, ManifestOffer, Pong, MeetOffer, IceAnswer),
    *(AuditGrown, AuditReceived, EmergencyOpened),
)


class ControlLink:
    """Asks one node.

    Args:
        channel: a control channel we dialled.
        tasks: owns the reading task.
        answer_timeout: seconds for the one answer to anything but a find.
    """

    def __init__(self, channel: Channel, *, tasks: TaskOwner, answer_timeout: float = ANSWER_TIMEOUT) -> None:
        self.channel = channel
        self.remote_epoch, self.remote_state = 0, b""
        self._tasks, self._answer_timeout = tasks, answer_timeout
        self._inbox = Inbox()
        self._places = Places()
        self._cancelling = 0  # cancellations on their way
        self._number = 0
        self._reading: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self.heard = 0  # messages, pongs among them
        self.is_open = True

    @property
    def path(self) -> str:
        """The kind of network path."""
        return self.channel.path

    @property
    def remote(self) -> str:
        """Where the other end is, as HOST:PORT."""
        return str(self.channel.remote)

    async def open(self, epoch: int, state: bytes) -> None:
        """Exchange Hellos and start reading.

        Args:
            epoch: in force here.
            state: what it is made of, at most 8 bytes; equal on both sides when both know the same.

        Raises:
            UnsupportedVersion: the other node speaks another version.
            ChannelClosed: it hung up, as it does when we are not admitted.
        """
        await self.channel.send(encode_message(Hello(version=EXCHANGE_VERSION, epoch=epoch, state=state)))
        hello = decode_message(await self.channel.receive())
        if not isinstance(hello, Hello):
            raise WireError("a control link begins with Hello")
        self.remote_epoch, self.remote_state = hello.epoch, hello.state
        self._reading = self._tasks.start("control_link", self._read())

    async def close(self) -> None:
        """End the link; open requests see ChannelClosed."""
        self._end()
        await self.channel.close()
        for task in (self._reading, self._watching):
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    async def find(self, query: StudyQuery, *, user: str, limit: int) -> AsyncIterator[Hit]:
        """Yield the other node's hits as they arrive; leaving early cancels the request.

        Raises:
            WireError: it answered something else, or more than was asked for.
            IdasError: the code it ended with, or ChannelClosed.
        """
        hits = self._many(lambda number: FindRequest(number=number, user=user, query=query, limit=limit), Hits, limit)
        async with aclosing(hits) as messages:
            async for message in messages:
                for hit in message.hits:
                    yield hit

    async def find_parts(self, query: PartQuery, *, user: str, limit: int) -> AsyncIterator[StudyPart]:
        """Yield the other node's series or images as they arrive; leaving early and errors as for `find`."""
        asked = self._many(
            lambda number: PartsRequest(number=number, user=user, query=query, limit=limit), Parts, limit
        )
        async with aclosing(asked) as messages:
            async for message in messages:
                for part in message.parts:
                    yield StudyPart(message.study, part)

    async def _many(self, make: Callable[[int], Any], kind: type[T], limit: int) -> AsyncGenerator[T, None]:
        """Yield the messages that answer a question, all of one kind, up to the end of the answer; waits its turn."""
        number = await self._places.enter(self._begin)
        try:
            await self._send(make(number))
            while True:
                message = await self._inbox.take(number)
                if isinstance(message, RequestEnd):
                    if message.code:
                        raise error_of(message.code)
                    return
                limit -= len(getattr(message, "hits", getattr(message, "parts", ())))
                if not isinstance(message, kind) or limit < 0:
                    raise WireError("not an answer to a find, or more than was asked for")
                yield message
        finally:
            self._inbox.close(number)
            if self._places.leave(number) and self.is_open:
                self._cancel(number)

    async def manifest(self, known: tuple[bytes, ...]) -> bytes | None:
        """A manifest in force at the other node, encoded, but none with these digests; None when it has no other.

        Raises:
            IdasError: it does not give us any, or the link broke.
        """
        answer = await self.ask(lambda number: ManifestWanted(number=number, known=known))
        if isinstance(answer, ManifestOffer):
            return answer.manifest
        if isinstance(answer, RequestEnd) and not answer.code:
            return None
        raise error_of(answer.code if isinstance(answer, RequestEnd) else "")

    async def offer_manifest(self, manifest: bytes) -> None:
        """Give the other node a manifest it does not have yet; returns when it answered.

        Raises:
            IdasError: it did not install it, or the link broke.
        """
        answer = await self.ask(lambda number: ManifestOffer(number=number, manifest=manifest))
        if not isinstance(answer, RequestEnd) or answer.code:
            raise error_of(answer.code if isinstance(answer, RequestEnd) else "")

    async def ping(self) -> None:
        """Wait for one round trip.

        Raises:
            ChannelClosed: the link broke.
        """
        if not isinstance(await self.ask(lambda number: Ping(number=number)), Pong):
            raise WireError("not an answer to a ping")

    async def meet(self, places: tuple[Address, ...], *, round_trip: float) -> tuple[Address, ...]:
        """Agree on a TCP connection opened from both sides; the other one begins half a round trip after its answer.

        Args:
            places: from where we shall connect.
            round_trip: of this link, in seconds.

        Returns:
            From where the other side connects.

        Raises:
            IdasError: it does not want to, or the link broke.
        """
        milliseconds = min(10_000, round(round_trip * 1_000))
        answer = await self.ask(lambda number: MeetRequest(number=number, places=places, round_trip_ms=milliseconds))
        if not isinstance(answer, MeetOffer):
            raise error_of(answer.code if isinstance(answer, RequestEnd) else "")
        return answer.places

    async def meet_by_udp(self, terms: IceTerms) -> IceTerms:
        """Tell the other side how we shall seek a way to it by UDP; returns the same of it, which begins at once.

        Raises:
            IdasError: it does not want to, or the link broke.
        """
        answer = await self.ask(lambda number: IceRequest(number=number, terms=terms))
        if not isinstance(answer, IceAnswer):
            raise error_of(answer.code if isinstance(answer, RequestEnd) else "")
        return answer.terms

    async def ask(self, make: Callable[[int], Any]) -> Any:
        """The one answer to the question that is made for a number.

        Raises:
            PeerUnreachable: none in time.
            ChannelClosed: the link broke.
        """
        number = self._begin()
        try:
            async with asyncio.timeout(self._answer_timeout):
                await self._send(make(number))
                return await self._inbox.take(number)
        except TimeoutError:
            raise PeerUnreachable("no answer on a control link") from None
        finally:
            self._inbox.close(number)

    def _begin(self) -> int:
        if not self.is_open:
            raise ChannelClosed
        if len(self._inbox) + self._cancelling >= MAX_OPEN_REQUESTS:
            raise Busy("too many requests on one control link")
        self._number = self._number % (2**32 - 1) + 1
        self._inbox.open(self._number)
        if self._watching is None or self._watching.done():
            with suppress(Busy):
                self._watching = self._tasks.start("control_watch", self._watch())
        return self._number

    async def _watch(self) -> None:
        """See, while answers are waited for, that the way to the other node has not vanished without a word."""
        while len(self._inbox) and self.is_open:
            heard = self.heard
            await asyncio.sleep(QUIET)
            if heard != self.heard or not len(self._inbox):
                continue
            try:
                async with asyncio.timeout(QUIET_PING_TIMEOUT):
                    await self.ping()
            except (TimeoutError, IdasError):
                if heard == self.heard:
                    await self.close()

    def _cancel(self, number: int) -> None:
        """Tell the other node without waiting for it: its slowness may be why we leave."""

        def sent(_: asyncio.Task[None]) -> None:
            self._cancelling -= 1

        try:
            task = self._tasks.start("cancel_request", self._send(CancelRequest(number=number)))
        except Busy:
            return  # it goes on answering, and what it says is thrown away
        self._cancelling += 1
        task.add_done_callback(sent)

    async def _send(self, message: Any) -> None:
        await self.channel.send(encode_message(message))

    async def _read(self) -> None:
        try:
            while True:
                data = await self.channel.receive()
                self.heard += 1
                message = decode_message(data)
                if not isinstance(message, _ANSWERS):
                    raise WireError("not an answer")
                if isinstance(message, RequestEnd):
                    self._places.leave(message.number)
                self._inbox.put(message.number, message, len(data))
        finally:
            self._end()
            await self.channel.close()

    def _end(self) -> None:
        self.is_open = False
        self._inbox.end(ChannelClosed)
