"""The answering side of a control link: each question in a task of its own, within bounds.

Law: who is not on the roster may show us a newer manifest and nothing else; who proved the key of the epoch before may
also get the manifest in force; only who proved the key in force may ask for studies.
Belongs here: that. Not here: the answers (FindSource, PartSource), cutting them into messages (batches.py).
Source: docs/spec/exchange.md section 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Final

from idas_p2p.access.subjects import Requester
from idas_p2p.errors import AccessDenied, Busy, IdasError, LocalError, NoEmergencyHere, NotAMember, WireError
from idas_p2p.events import log_event, log_failure
from idas_p2p.exchange.batches import NO_PARTS, found_for
from idas_p2p.exchange.beat import wait_for_beat
from idas_p2p.exchange.interfaces import Channel, FindSource, Membership, PartSource
from idas_p2p.exchange.logs import NoWitness, Witness, answer_about_logs
from idas_p2p.exchange.meets import NO_MEETS, Meets
from idas_p2p.exchange.offers import NO_OFFERS, OfferTaker, answer_about_offers
from idas_p2p.limits import FIND_TIMEOUT
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.audit_messages import AuditSeen, AuditWanted
from idas_p2p.wire.emergency import EmergencyOpened, EmergencyWanted
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import (
    EXCHANGE_VERSION,
    CancelRequest,
    FindRequest,
    Hello,
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
from idas_p2p.wire.offers import OfferFate, StudyOffer
from idas_p2p.wire.parts import PartsRequest

MAX_ANSWERS_AT_ONCE = 16  # of one link; ours
HELLO_TIMEOUT = 10.0  # seconds from the handshake to the peer's Hello; ours


RequesterOf = Callable[[NodeId, str], Requester]
"""Makes the requester of a proved peer and the user it names; NotAMember when it is not on the roster."""


BreakGlass = Callable[[Requester, EmergencyWanted], Awaitable[EmergencyOpened]]
"""Opens an emergency for a requester."""


NO_WITNESS: Final = NoWitness()
Question = FindRequest | PartsRequest | IceRequest | AuditWanted | AuditSeen | EmergencyWanted | StudyOffer | OfferFate
"""What is answered in a task of its own."""


class ControlServer:
    """Answers one peer.

    Args:
        channel: a control channel we accepted.
        membership: ours.
        source: answers queries for studies.
        parts: answers queries below them.
        requester_of: makes the requester of a proved peer and the user it names.
        hello_timeout: seconds for the peer's first message.
        meets: open connections from both sides.
        witness: compares audit logs.
        offers: takes what others offer and say of our offers.
        break_glass: opens emergencies; where there is none, nobody's.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        membership: Membership,
        source: FindSource,
        requester_of: RequesterOf,
        parts: PartSource = NO_PARTS,
        hello_timeout: float = HELLO_TIMEOUT,
        meets: Meets = NO_MEETS,
        witness: Witness = NO_WITNESS,
        offers: OfferTaker = NO_OFFERS,
        break_glass: BreakGlass | None = None,
    ) -> None:
        self._break_glass = break_glass
        self._channel, self._membership, self._source = channel, membership, source
        self._requester_of, self._hello_timeout, self._meets = requester_of, hello_timeout, meets
        self._witness, self._parts = witness, parts
        self._tasks, self._offers = TaskOwner(limit=MAX_ANSWERS_AT_ONCE), offers
        self._running: dict[int, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Answer until the peer hangs up.

        Raises:
            ChannelClosed: the peer hung up.
            WireError, BadSignature: the peer broke the protocol.
        """
        try:
            await self._receive_hello()
            await self._send(
                Hello(version=EXCHANGE_VERSION, epoch=self._membership.epoch, state=self._membership.state)
            )
            while True:
                await self._take(decode_message(await self._channel.receive()))
        finally:
            await self._tasks.stop()
            await self._channel.close()

    async def _receive_hello(self) -> None:
        try:
            async with asyncio.timeout(self._hello_timeout):
                hello = decode_message(await self._channel.receive())
        except TimeoutError:
            raise WireError("no Hello came on a control link") from None
        if not isinstance(hello, Hello):
            raise WireError("a control link begins with Hello")

    async def _take(self, message: Any) -> None:
        if isinstance(message, Ping):
            await self._send(Pong(number=message.number))
        elif isinstance(message, ManifestOffer):
            await self._send(RequestEnd(number=message.number, code=self._install(message.manifest)))
        elif isinstance(message, ManifestWanted):
            await self._give_manifest(message)
        elif isinstance(message, CancelRequest):
            if (task := self._running.get(message.number)) is not None:
                task.cancel()
        elif isinstance(message, FindRequest | PartsRequest):
            await self._start(message, self._find(message))
        elif isinstance(message, MeetRequest):
            await self._send(self._met(message))
        elif isinstance(message, IceRequest):
            await self._start(message, self._met_by_udp(message))
        elif isinstance(message, EmergencyWanted):
            await self._start(message, self._emergency(message))
        elif isinstance(message, StudyOffer | OfferFate):
            await self._start(message, self._answer_offer(message))
        elif isinstance(message, AuditWanted | AuditSeen):
            await self._start(message, self._compare_logs(message))
        else:
            raise WireError("unexpected message on a control link")

    def _met(self, request: MeetRequest) -> MeetOffer | RequestEnd:
        if not self._membership.is_current_member(self._channel):
            return RequestEnd(number=request.number, code=AccessDenied.code)
        try:
            places = self._meets.tcp(self._channel.peer, request.places, request.round_trip_ms / 1_000)
        except IdasError as error:
            return RequestEnd(number=request.number, code=error.code)
        return MeetOffer(number=request.number, places=places)

    def _install(self, manifest: bytes) -> str:
        try:
            self._membership.take_manifest(manifest)
        except IdasError as error:
            return error.code
        return ""

    async def _give_manifest(self, asked: ManifestWanted) -> None:
        if not self._is_on_roster():
            await self._send(RequestEnd(number=asked.number, code=AccessDenied.code))
        elif (manifest := self._membership.manifest_for(frozenset(asked.known))) is None:
            await self._send(RequestEnd(number=asked.number, code=""))
        else:
            await self._send(ManifestOffer(number=asked.number, manifest=manifest))

    def _is_on_roster(self) -> bool:
        try:
            self._requester_of(self._channel.peer, "")
        except NotAMember:
            return False
        return True

    async def _start(self, request: Question, answer: Coroutine[object, object, None]) -> None:
        """Answer a current member in a task of its own."""
        if request.number in self._running:
            answer.close()
            raise WireError("the number of a request under way was used again")
        if not self._membership.is_current_member(self._channel):
            answer.close()
            await self._send(RequestEnd(number=request.number, code=AccessDenied.code))
            return
        try:
            task = self._tasks.start("answer", answer)
        except Busy as error:
            await self._send(RequestEnd(number=request.number, code=error.code))
            return
        self._running[request.number] = task
        task.add_done_callback(lambda _: self._running.pop(request.number))

    async def _met_by_udp(self, request: IceRequest) -> None:
        try:
            terms = await self._meets.udp(self._channel.peer, request.terms)
        except IdasError as error:
            await self._send(RequestEnd(number=request.number, code=error.code))
        else:
            await self._send(IceAnswer(number=request.number, terms=terms))

    async def _emergency(self, message: EmergencyWanted) -> None:
        try:
            if self._break_glass is None:
                raise NoEmergencyHere
            answer: Any = await self._break_glass(self._requester_of(self._channel.peer, message.user), message)
        except IdasError as error:
            answer = RequestEnd(number=message.number, code=error.code)
        await self._send(answer)

    async def _answer_offer(self, message: StudyOffer | OfferFate) -> None:
        sender = self._requester_of(self._channel.peer, "")
        await self._send(await answer_about_offers(message, sender, self._offers))

    async def _compare_logs(self, message: AuditWanted | AuditSeen) -> None:
        try:
            answer: Any = await answer_about_logs(message, self._channel.peer, self._witness)
        except IdasError as error:
            answer = RequestEnd(number=message.number, code=error.code)
        await self._send(answer)

    async def _find(self, request: FindRequest | PartsRequest) -> None:
        code, now = "", asyncio.get_running_loop().time
        begun = now()
        try:
            async with asyncio.timeout(FIND_TIMEOUT):
                await self._send_found(request)
        except TimeoutError:
            code = Busy.code
        except NotAMember:
            code = AccessDenied.code
        except IdasError as error:
            code = error.code
        except Exception as error:  # a bug costs this answer, not the link
            log_failure("find_failed", error, peer=self._channel.peer.short)
            code = LocalError.code
        log_event("find_answered", peer=self._channel.peer.short, reason=code or "ok")
        await wait_for_beat(begun, now)
        await self._send(RequestEnd(number=request.number, code=code))

    async def _send_found(self, request: FindRequest | PartsRequest) -> None:
        requester = self._requester_of(self._channel.peer, request.user)
        async with aclosing(found_for(request, requester, self._source, self._parts)) as messages:
            async for message in messages:
                self._requester_of(self._channel.peer, request.user)  # it may have been removed meanwhile
                await self._send(message)
                await asyncio.sleep(0)  # a source that never waits must not stop the node

    async def _send(self, message: Any) -> None:
        await self._channel.send(encode_message(message))
