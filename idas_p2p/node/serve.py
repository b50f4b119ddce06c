"""What happens on a channel another node opened to us: answer its questions, send it studies, let it join.

Belongs here: from a channel's purpose to the code that serves it, and the wing interfaces the exchange room asks for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Final

from idas_p2p.access.audit.events import Actor, Device, transfer_refused
from idas_p2p.access.federation import Federation
from idas_p2p.access.subjects import Requester
from idas_p2p.access.tickets import TicketRefusal
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.dicom.layout import NATIVE, SeriesPixels
from idas_p2p.errors import AuditUnavailable, Busy, ChannelClosed, IdasError, MalformedInstance, WireError
from idas_p2p.events import log_event
from idas_p2p.exchange.answer import NO_WITNESS, BreakGlass, ControlServer
from idas_p2p.exchange.batches import NO_PARTS
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.exchange.logs import Witness
from idas_p2p.exchange.meets import NO_MEETS, Meets
from idas_p2p.exchange.offers import NO_OFFERS, OfferTaker
from idas_p2p.exchange.send import refuse, send_study
from idas_p2p.exchange.turns import Uplink
from idas_p2p.node.audited import NO_LOG, Log, recorded_transfer
from idas_p2p.node.audited_finds import AuditedFinds, AuditedParts, subject_of_study
from idas_p2p.node.counted import Counted
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.memberships import Member
from idas_p2p.node.parts import HeldParts
from idas_p2p.node.permits import Permit
from idas_p2p.node.transfers import Transfers
from idas_p2p.store.transfers import Direction
from idas_p2p.transport.channel import Channel
from idas_p2p.wire.audit import Side
from idas_p2p.wire.fetching import FetchRequest, Mode, Priority
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.messages import decode_message

MAX_SENDING: Final = 32  # studies sent at once; ours
MAX_SENDING_TO_ONE: Final = 8  # studies sent to one member at once; ours: it cannot take every place
REQUEST_TIMEOUT: Final = 30.0  # seconds from an image link's handshake to its request; ours


class ChannelServer:
    """Serves accepted channels.

    Args:
        identity: ours.
        member_on: our membership that a channel is about.
        holdings: our studies, for members.
        transfers: counts.
        uplink: lets urgent studies go first.
        coders: code what is sent.
        clock: the time.
        meets: open connections from both sides.
        audit: records what is shown and sent.
        witness: compares logs with those of others.
        parts: our series and images, for members.
        offers: takes what others offer and say of our offers.
        others: serve channels of other purposes.
        break_glass: opens emergencies.
    """

    def __init__(
        self,
        identity: SigningKey,
        member_on: Callable[[Channel], Member],
        holdings: Holdings,
        transfers: Transfers,
        uplink: Uplink,
        coders: Coders | None = None,
        *,
        clock: Clock,
        meets: Meets = NO_MEETS,
        audit: Log = NO_LOG,
        witness: Witness = NO_WITNESS,
        parts: HeldParts | None = None,
        offers: OfferTaker = NO_OFFERS,
        others: Mapping[Purpose, Callable[[Channel], Awaitable[None]]] | None = None,
        break_glass: BreakGlass | None = None,
    ) -> None:
        self._audit, self._witness, self._others, self._offers = audit, witness, others or {}, offers
        self._break_glass = break_glass
        self._meets, self._clock = meets, clock
        self._parts = NO_PARTS if parts is None else AuditedParts(parts, holdings, audit)
        self._identity, self._coders, self._uplink = identity, coders, uplink
        self._member_on = member_on
        self._holdings, self._transfers = holdings, transfers
        self._sending: Counter[NodeId] = Counter()

    async def serve(self, channel: Channel) -> None:
        """Serve one channel until it ends."""
        try:
            if channel.purpose is Purpose.JOIN:
                await self._member_on(channel).membership.answer_join(channel)
            elif channel.purpose is Purpose.IMAGE:
                await self._send(channel)
            elif (serve := self._others.get(channel.purpose)) is not None:
                await serve(channel)
            else:
                member = self._member_on(channel)
                await ControlServer(
                    channel,
                    membership=member.membership,
                    source=AuditedFinds(self._holdings, self._audit),
                    requester_of=member.federation.requester,
                    meets=self._meets,
                    parts=self._parts,
                    witness=self._witness,
                    offers=self._offers,
                    break_glass=self._break_glass,
                ).serve()
        except ChannelClosed:
            pass
        except IdasError as error:
            log_event("channel_ended", peer=channel.peer.short, task=str(channel.purpose), reason=error.code)
        finally:
            await channel.close()

    async def _send(self, channel: Channel) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                request = decode_message(await channel.receive())
        except TimeoutError:
            return
        if not isinstance(request, FetchRequest):
            raise WireError("an image link begins with a FetchRequest")
        if self._sending.total() >= MAX_SENDING or self._sending[channel.peer] >= MAX_SENDING_TO_ONE:
            await refuse(channel, Busy.code)
            return
        self._sending[channel.peer] += 1
        try:
            requester = self._member_on(channel).federation.requester(channel.peer, request.user)
            await self._holdings.check_ticket(request, requester)
        except IdasError as error:
            self._note_refusal(channel, request, error)
            await refuse(channel, error.code)
        else:
            await self._send_recorded(channel, request, requester)
        finally:
            self._sending -= Counter([channel.peer])  # drops those that fall to zero

    async def _send_recorded(self, channel: Channel, request: FetchRequest, requester: Requester) -> None:
        try:
            await self._send_checked(channel, request, requester)
        except AuditUnavailable as error:
            await refuse(channel, error.code)

    async def _send_checked(self, channel: Channel, request: FetchRequest, requester: Requester) -> None:
        study_uid = self._holdings.original(request.ticket.level, request.study_uid)
        with (
            self._transfers.transfer(Direction.OUT, study_uid, request.user, partner=requester.institution) as transfer,
            self._uplink.transfer(Priority(request.priority)) as turn,
        ):
            transfer.use(channel)
            actor = Actor.of(requester, address=channel.remote.host)
            subject, level = subject_of_study(self._holdings, study_uid), request.ticket.level
            async with recorded_transfer(self._audit, actor, subject, transfer, level=level):
                await send_study(
                    channel,
                    request,
                    identity=self._identity,
                    requester=requester,
                    source=Counted(self._holdings.at(request.ticket.level), transfer),
                    still_allowed=self._permit(self._member_on(channel).federation, requester, request),
                    layout_of=Layouts().of,
                    coders=self._coders,
                    turn=turn,
                )
            if request.mode == Mode.LISTED:  # what was not wanted came from others
                transfer.total = transfer.instances + transfer.failed

    def _note_refusal(self, channel: Channel, request: FetchRequest, error: IdasError) -> None:
        """A member asked for images that it may not have, or may not have any more."""
        nodes, institution = (channel.peer,), self._member_on(channel).federation.institution(channel.peer) or ""
        device = Device(address=channel.remote.host)
        actor = Actor(side=Side.HOLDER, user=request.user, device=device, nodes=nodes, institution=institution)
        subject = subject_of_study(self._holdings, request.study_uid)
        is_attack = error.detail == TicketRefusal.NOT_OURS
        self._audit.note(transfer_refused(actor, subject, reason=error.detail or error.code, is_attack=is_attack))

    def _permit(self, federation: Federation, requester: Requester, request: FetchRequest) -> Permit:
        """Whether the requester is a member and has the level of its ticket still."""

        def ask() -> bool:
            if federation.institution(requester.node_id) is None:
                return False
            study_uid = self._holdings.original(request.ticket.level, request.study_uid)
            if not self._holdings.holds(study_uid):
                return True  # it left the archive meanwhile; what was taken out of it may be sent
            return self._holdings.level(requester, study_uid).mark == request.ticket.level

        def version() -> object:  # changes with roster and policy
            return federation.state, self._holdings.policy_version

        return Permit(ask, version=version, clock=self._clock)


_fields_of: Final = attrgetter(*(field.name for field in fields(PixelLayout)))


class Layouts:
    """Where native pixels lie in the instances of a transfer, and whether they are compressed already."""

    def __init__(self) -> None:
        self._pixels = SeriesPixels()

    def of(self, instance: Instance) -> tuple[PixelLayout | None, bool]:
        """Of one instance; nothing where its head cannot be read."""
        if instance.transfer_syntax_uid not in NATIVE:
            return None, True
        try:
            pixels = self._pixels.of(instance.series_uid, instance.data, instance.transfer_syntax_uid)
        except MalformedInstance:
            return None, False
        return None if pixels is None else PixelLayout(*_fields_of(pixels)), False


def layout_of(instance: Instance) -> tuple[PixelLayout | None, bool]:
    """The same for one instance by itself."""
    return Layouts().of(instance)
