"""A machine that belongs to no federation and fetches one study with the code of a pass: `idas fetch`.

Law: a file appears under its name only when it is whole and verified, and the holder is told when every one is.
Belongs here: finding the holder, asking, fetching, saying that all arrived. Not here: what this machine keeps meanwhile
(visit.py), the holder's side (pass_server.py). Source: docs/spec/federation.md section 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Final

from idas_p2p.access.admission import psk_id
from idas_p2p.access.invitation import PassCode
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.directory.service import Directory
from idas_p2p.errors import (
    HandshakeFailed,
    IdasError,
    PassRefused,
    PeerUnreachable,
    StudyNotFound,
    Unreachable,
    WireError,
)
from idas_p2p.exchange.codes import error_of
from idas_p2p.exchange.conversation import Holder
from idas_p2p.exchange.fetch import Fetch
from idas_p2p.exchange.interfaces import Channel
from idas_p2p.exchange.link import Question
from idas_p2p.exchange.signed_manifest import Evidence
from idas_p2p.node.export import export
from idas_p2p.node.invitations import Invitations
from idas_p2p.node.locating import Locator
from idas_p2p.node.retrieve import is_named_truly
from idas_p2p.store.spool import Spool
from idas_p2p.store.spooled import SpooledTransfer
from idas_p2p.transport.channel import Channel as OpenChannel
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.relayed import relay_rung
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.federation import InviteRecord
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import RetrieveEvent, Selection
from idas_p2p.wire.messages import RequestEnd, decode_message, encode_message
from idas_p2p.wire.outside import PassOffer, PassReceived, PassWanted
from idas_p2p.wire.records import NodeInfo

DIAL_TIMEOUT: Final = 20.0  # seconds to reach the holder in any way; ours
ANSWER_TIMEOUT: Final = 30.0  # seconds for its answer; ours
ATTEMPTS: Final = 3  # to tell the holder that everything is here; ours

Tell = Callable[[DeliveryReport, "Seen"], None]


class Seen:
    """How the fetch goes (exchange.interfaces.FetchWatcher): its links, what they carry, what the holder signed."""

    def __init__(self) -> None:
        self._channels = list[OpenChannel]()
        self.evidence = list[Evidence]()

    @property
    def path(self) -> str:
        """The kind of path of the newest link."""
        return self._channels[-1].path if self._channels else ""

    @property
    def wire_bytes(self) -> int:
        """Bytes on the network in both directions."""
        return sum(channel.bytes_sent + channel.bytes_received for channel in self._channels)

    def opened(self, holder: NodeId, channel: Channel) -> None:
        """Count what this channel carries."""
        self._channels.append(channel)  # type: ignore[arg-type]

    def interrupted(self, holder: NodeId) -> None:
        """A link broke and will be opened again."""

    def failed(self, holder: NodeId, error: IdasError) -> None:
        """The holder is given up; the fetch says why."""

    def differs(self, holder: NodeId) -> None:
        """There is one holder, and nothing to differ from."""

    def signed(self, holder: NodeId, evidence: Evidence) -> None:
        """Keep what the holder signed."""
        self.evidence.append(evidence)


class Guest:
    """One pass in use; made by `opened`.

    Args:
        code: of the pass.
        identity: of this machine, for this pass.
        directory: finds the holder.
        locator: reads its newest record.
        clock: the time.
        way: how connections leave this machine.
    """

    def __init__(
        self,
        code: PassCode,
        identity: SigningKey,
        directory: Directory,
        locator: Locator,
        *,
        clock: Clock,
        way: Way = DIRECT,
    ) -> None:
        self._code, self._identity, self._locator = code, identity, locator
        self._clock, self._way = clock, way
        self._invitations = Invitations(
            identity.node_id, directory, contact=lambda: code.contact, own_addresses=lambda: (), clock=clock
        )
        self._record: InviteRecord | None = None
        self.seen = Seen()

    async def offer(self) -> PassOffer:
        """What the pass is for.

        Raises:
            BadCode: nothing belongs to the code.
            PassRefused: expired, revoked or used.
            StudyNotFound: the holder has the study no more.
            HandshakeFailed, Unreachable: the holder does not answer, or not to this code.
        """
        answer = await self._ask(PassWanted())
        if not isinstance(answer, PassOffer):
            raise WireError("not an answer to a pass")
        return answer

    async def fetch(self, folder: Path, spool: Spool, bridge: Bridge, *, on_progress: Tell) -> DeliveryReport:
        """Fetch the study into a folder, and say so to the holder when every instance is there.

        Args:
            folder: gets the files.
            spool: keeps what arrived until then.
            bridge: writes files.
            on_progress: told how far it has come.

        Raises:
            IdasError: as `offer`, and SpoolFull or BadConfiguration for the folder.
        """
        offer = await self.offer()
        with spool.open(derive(self._code.secret, "idas pas spool"), now=self._clock.now()) as spooled:
            events = self._events(offer, spooled)
            report = await export(bridge, folder, events, on_progress=lambda told: on_progress(told, self.seen))
        if not report.failed:
            await self._received(report.completed)
        return report

    async def _events(self, offer: PassOffer, spooled: SpooledTransfer) -> AsyncGenerator[RetrieveEvent, None]:
        question = Question(
            requester=self._identity.node_id,
            user="",
            selection=Selection(study_uid=offer.study.study_uid),
            priority=Priority.MEDIUM,
        )
        fetch = Fetch(question, spooled, dial=self._dial, is_true=is_named_truly, watcher=self.seen, clock=self._clock)
        holder = Holder((await self._found()).inviter, offer.ticket, offer.study.instance_count)
        async with aclosing(fetch.events([holder])) as events:
            async for event in events:
                yield event
        for failed in fetch.failures:
            yield failed
        if not fetch.is_complete and not fetch.failures:
            raise fetch.errors[-1] if fetch.errors else StudyNotFound()

    async def _received(self, count: int) -> None:
        """Tell the holder; where that fails the files are there all the same, and the pass is this machine's."""
        for _ in range(ATTEMPTS):
            with suppress(Unreachable, HandshakeFailed, PassRefused):
                await self._ask(PassReceived(instances=count))
                return

    async def _ask(self, message: PassWanted | PassReceived) -> Any:
        channel = await self._dial((await self._found()).inviter)
        try:
            await channel.send(encode_message(message))
            async with asyncio.timeout(ANSWER_TIMEOUT):
                answer = decode_message(await channel.receive())
        except TimeoutError:
            raise PeerUnreachable("the institution's node did not answer") from None
        finally:
            await channel.close()
        if isinstance(answer, RequestEnd) and answer.code:
            raise error_of(answer.code)
        return answer

    async def _found(self) -> InviteRecord:
        if self._record is None:
            self._record = await self._invitations.find(self._code)
        return self._record

    async def _dial(self, holder: NodeId) -> OpenChannel:
        """A fresh channel, by what the code's record and the holder's own newest record say."""
        record, info = await self._found(), await self._locator.resolve(holder)
        addresses = tuple(dict.fromkeys((*(info.addresses if info else ()), *record.addresses)))

        async def renew() -> Any:
            return _relays(await self._locator.resolve(holder))

        rung = relay_rung(self._identity, holder, _relays(info), renew=renew, way=self._way)
        psk = Psk(psk_id=psk_id(self._code.psk), key=self._code.psk)
        return await dial(
            self._identity,
            holder,
            addresses,
            purpose=Purpose.PASS,
            psk=psk,
            timeout=DIAL_TIMEOUT,
            rungs=(rung,),
            way=self._way,
        )


def _relays(info: NodeInfo | None) -> Any:
    return info.relays if info is not None else ()
