"""What happens on a channel whose peer proved a pass: it sees the one study, fetches it, and says that it has it.

Law: pass, expiry, use and level are asked again at every step and between the instances of a transfer under way; what
is shown and sent is recorded before, under the name `pass:LABEL`. Belongs here: that conversation. Not here: what a
pass allows (access/passes.py), sending (exchange/send.py). Source: docs/spec/federation.md section 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import INSTANCES_NAMED, Actor, Device
from idas_p2p.access.levels import Levels
from idas_p2p.access.passes import Pass, Passes
from idas_p2p.access.subjects import Requester
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import (
    AuditUnavailable,
    BadConfiguration,
    Busy,
    IdasError,
    PassRefused,
    StudyNotFound,
    TicketRefused,
    WireError,
)
from idas_p2p.events import log_event
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.interfaces import StudySource
from idas_p2p.exchange.send import refuse, send_study
from idas_p2p.exchange.turns import Uplink
from idas_p2p.node.audited import Log, recorded_transfer
from idas_p2p.node.audited_finds import subject_of_study
from idas_p2p.node.counted import Counted
from idas_p2p.node.facts import without_kept
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.levelled_source import LevelledSource
from idas_p2p.node.permits import Permit
from idas_p2p.node.serve import Layouts
from idas_p2p.node.transfers import Transfer, Transfers
from idas_p2p.store.transfers import Direction
from idas_p2p.transport.channel import Channel
from idas_p2p.wire.audit import By, Side
from idas_p2p.wire.fetching import FetchRequest, Mode, Priority, Ticket
from idas_p2p.wire.instance import Instance, RetrieveEvent
from idas_p2p.wire.level import Level
from idas_p2p.wire.messages import RequestEnd, decode_message, encode_message
from idas_p2p.wire.outside import PassOffer, PassReceived, PassWanted
from idas_p2p.wire.study import Study

MAX_SENDING: Final = 8  # studies sent at once by passes; ours: members come first
REQUEST_TIMEOUT: Final = 30.0  # seconds for each message of whoever shows a pass; ours
NO_MAC: Final = bytes(16)  # the pass takes its place; protocol


class PassServer:
    """Serves channels of purpose pass.

    Args:
        identity: ours.
        institution: ours.
        passes: of this node.
        levels: as they are defined now.
        holdings: our studies.
        transfers: counts.
        uplink: lets urgent studies go first.
        coders: code what is sent.
        clock: the time.
        audit: records what is shown and sent.
    """

    def __init__(
        self,
        identity: SigningKey,
        institution: str,
        passes: Passes,
        holdings: Holdings,
        transfers: Transfers,
        uplink: Uplink,
        coders: Coders | None = None,
        *,
        levels: Callable[[], Levels],
        clock: Clock,
        audit: Log,
    ) -> None:
        self._identity, self._institution, self._coders = identity, institution, coders
        self._passes, self._holdings, self._transfers, self._uplink = passes, holdings, transfers, uplink
        self._levels, self._clock, self._audit = levels, clock, audit
        self._sending = 0

    async def serve(self, channel: Channel) -> None:
        """Serve one channel until its peer has what it wants.

        Raises:
            ChannelClosed: the peer hung up.
            WireError: it broke the protocol.
        """
        while True:
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT):
                    message = decode_message(await channel.receive())
            except TimeoutError:
                return
            if isinstance(message, FetchRequest):
                await self._fetch(channel, message)
                return
            await channel.send(encode_message(self._answer(channel, message)))

    def _answer(self, channel: Channel, message: Any) -> PassOffer | RequestEnd:
        try:
            if isinstance(message, PassWanted):
                return self._offer(channel)
            if isinstance(message, PassReceived):
                self._finish(channel, message.instances)
                return RequestEnd(number=0, code="")
        except IdasError as error:
            log_event("pass_refused", reason=error.code)
            return RequestEnd(number=0, code=error.code)
        raise WireError("unexpected message on a link of a pass")

    def _pass(self, channel: Channel) -> Pass:
        one = self._passes.find(channel.psk_id)
        if one is None:  # it was dropped while the channel was open
            raise PassRefused
        return one

    def _offer(self, channel: Channel) -> PassOffer:
        one, now = self._pass(channel), self._clock.now()
        actor = _actor(one, channel)
        try:
            one.check(channel.peer, now=now)
            level, shown = self._shown(one)
        except PassRefused as error:
            subject = subject_of_study(self._holdings, one.study_uid)
            self._audit.note(events.transfer_refused(actor, subject, reason=error.code))
            raise
        subject = subject_of_study(self._holdings, one.study_uid)
        for event in events.shown(actor, [subject], level=level.mark):
            self._audit.note(event)
        ticket = Ticket(level=level.mark, expires=one.expires, mac=NO_MAC)
        return PassOffer(institution=self._institution, study=shown, ticket=ticket, expires=one.expires)

    def _shown(self, one: Pass) -> tuple[Level, Study]:
        """The level of a pass as it is defined now, and its study as that shows it."""
        level, entries = self._level(one), without_kept(self._holdings.best_entries(one.study_uid))
        if not entries:
            raise StudyNotFound
        study = entries[0].study
        if level.is_full:
            return level, study
        view = self._holdings.levelling.view(level)
        shown = view.study(study)
        view.remember(study, shown)
        return level, shown

    def _level(self, one: Pass) -> Level:
        try:
            return self._levels().get(one.level)
        except BadConfiguration:  # the house does not define it any more
            raise PassRefused("its level is not defined any more") from None

    def _finish(self, channel: Channel, instances: int) -> None:
        one = self._pass(channel)
        if self._passes.finish(one, channel.peer, now=self._clock.now()):
            text = f"pass {one.label}: {instances} instances received by a machine, which gets nothing more"
            self._audit.note(events.pass_changed(text, subject_of_study(self._holdings, one.study_uid)))

    async def _fetch(self, channel: Channel, request: FetchRequest) -> None:
        one = self._pass(channel)
        actor, subject = _actor(one, channel), subject_of_study(self._holdings, one.study_uid)
        try:
            one.check(channel.peer, now=self._clock.now())
            level, shown = self._shown(one)
            if request.study_uid != shown.study_uid:
                raise StudyNotFound
            if request.ticket.level != level.mark:
                raise TicketRefused
            if self._sending >= MAX_SENDING:
                raise Busy
            self._passes.begin(one, channel.peer, now=self._clock.now())
        except IdasError as error:
            self._audit.note(events.transfer_refused(actor, subject, reason=error.code))
            await refuse(channel, error.code)
            return
        self._sending += 1
        try:
            await self._send(channel, request, one, level, actor)
        except AuditUnavailable as error:
            await refuse(channel, error.code)
        finally:
            self._sending -= 1

    async def _send(self, channel: Channel, request: FetchRequest, one: Pass, level: Level, actor: Actor) -> None:
        subject = subject_of_study(self._holdings, one.study_uid)
        priority = min(Priority(request.priority), Priority.MEDIUM)
        requester = Requester(node_id=channel.peer, institution=actor.institution, user=actor.user)
        with (
            self._transfers.transfer(Direction.OUT, one.study_uid, actor.user, partner=actor.institution) as transfer,
            self._uplink.transfer(priority) as turn,
        ):
            transfer.use(channel)
            counter = _Named(transfer, lambda uids: self._name(actor, one, uids, transfer.number, level))
            async with recorded_transfer(self._audit, actor, subject, transfer, level=level.mark):
                try:
                    await send_study(
                        channel,
                        request,
                        identity=self._identity,
                        requester=requester,
                        source=Counted(self._source(level), counter),
                        still_allowed=self._permit(channel, one, level),
                        layout_of=Layouts().of,
                        coders=self._coders,
                        turn=turn,
                    )
                finally:
                    counter.rest()
            if request.mode == Mode.LISTED:  # what was not wanted is there already
                transfer.total = transfer.instances + transfer.failed

    def _name(self, actor: Actor, one: Pass, uids: list[str], number: int, level: Level) -> None:
        subject = subject_of_study(self._holdings, one.study_uid)
        self._audit.note(events.instances_named(actor, subject, uids, number=number, level=level.mark))

    def _source(self, level: Level) -> StudySource:
        return self._holdings if level.is_full else LevelledSource(self._holdings, self._holdings.levelling.view(level))

    def _permit(self, channel: Channel, one: Pass, level: Level) -> Permit:
        def ask() -> bool:
            try:
                self._pass(channel).check(channel.peer, now=self._clock.now())
                return self._level(one).mark == level.mark
            except PassRefused:
                return False

        return Permit(ask, version=lambda: (self._passes.version, self._holdings.policy_version), clock=self._clock)


class _Named:
    """Counts what goes out, and has it written down by name, so many at a time."""

    def __init__(self, transfer: Transfer, name: Callable[[list[str]], None]) -> None:
        self._transfer, self._name = transfer, name
        self._uids = list[str]()

    def count(self, event: RetrieveEvent) -> None:
        """One event on its way out."""
        self._transfer.count(event)
        if isinstance(event, Instance):
            self._uids.append(event.sop_instance_uid)
            if len(self._uids) == INSTANCES_NAMED:
                self.rest()

    def rest(self) -> None:
        """Write down those that were not yet."""
        if self._uids:
            uids, self._uids = self._uids, []
            self._name(uids)


def _actor(one: Pass, channel: Channel) -> Actor:
    return Actor(
        side=Side.HOLDER,
        user=f"pass:{one.label}",
        by=By.PASS,
        device=Device(address=channel.remote.host),
        nodes=(channel.peer,),
        institution=f"pass {one.label}",
    )
