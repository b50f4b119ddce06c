"""Links to other members: found by NodeId, dialled when needed, kept while they live.

Belongs here: from a NodeId to an open control link or a fresh image channel. Not here: what is said on them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from itertools import takewhile

from idas_p2p.access.federation import psk_id
from idas_p2p.access.federations import Belonging
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.directory.service import Directory
from idas_p2p.errors import Busy, IdasError, PeerUnreachable
from idas_p2p.events import log_event
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.locating import Locator, in_order
from idas_p2p.node.meetings import Meetings
from idas_p2p.node.moving import Mover
from idas_p2p.node.peer import Peer
from idas_p2p.node.webrtc import WebRtc
from idas_p2p.node.widening import Widener
from idas_p2p.store.settings import Settings
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.transport.relayed import RELAY_PATH, relay_rung
from idas_p2p.transport.rungs import Rung
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Contact
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import NodeInfo
from idas_p2p.wire.relay import RelayOffer

DIAL_TIMEOUT = 4.0  # seconds for one channel; ours: a dead node costs a query no more than this
ADDRESS_LIFETIME = 300.0  # seconds a node record is used before it is looked up again; ours
PING_INTERVAL = 20.0  # seconds; ours: notices a silent peer, keeps a NAT's entry
PING_TIMEOUT = 8.0  # seconds; ours
JUST_LOST = 5.0  # seconds after a way was lost in which nothing is agreed on before a relay is tried; ours
DOUBT_TIMEOUT = 2.0  # seconds, once one was lost on the way to the node, or our network has changed; ours


class Links:
    """The open links of a node.

    Args:
        identity: ours.
        federation: gives the pre-shared key.
        directory: gives addresses.
        settings: keeps the last known addresses, for when the directory cannot be reached.
        clock: the time.
        tasks: owns reading tasks.
        use_relays: whether to go through relays where no direct way is found in time.
        way: how connections leave this machine.
        contacts: bootstrap nodes, by all the addresses we know of them.
        openers: open connections that both sides agree on over a control link, best first.
    """

    def __init__(
        self,
        identity: SigningKey,
        federation: Belonging,
        directory: Directory,
        settings: Settings,
        *,
        clock: Clock,
        tasks: TaskOwner,
        use_relays: bool = True,
        way: Way = DIRECT,
        contacts: Callable[[], Sequence[Contact]] = lambda: (),
        openers: Sequence[Meetings | WebRtc] = (),
    ) -> None:
        self._use_relays, self._way, self._contacts, self._openers = use_relays, way, contacts, openers
        self._identity, self._federation, self._locator = identity, federation, Locator(directory, settings)
        self._clock, self._tasks, self._widener = clock, tasks, Widener(identity, way=way, clock=clock, tasks=tasks)
        self.mover = Mover(self._dial_better, on_moved=self._took, tasks=tasks)
        self._dialling, self.peers = dict[NodeId, asyncio.Lock](), dict[NodeId, Peer]()
        self.on_differing: Callable[[ControlLink], Awaitable[None]] = _ignore

    async def control(self, node_id: NodeId) -> ControlLink:
        """The open control link to a node, dialled when there is none; who waits for a dial shares what comes of it.

        Raises:
            PeerUnreachable: it does not answer at any of its addresses.
            HandshakeFailed: it does not take our key.
        """
        arrived = self._clock.monotonic()
        async with self._dialling.setdefault(node_id, asyncio.Lock()):
            peer = self.peers.setdefault(node_id, Peer())
            if (link := peer.open_link) is not None:
                return link
            if peer.failure is not None and peer.failed_at > arrived:
                raise type(peer.failure)(peer.failure.detail)
            try:
                link = await self._connect(node_id)
            except IdasError as error:
                peer.last_error, peer.failure, peer.failed_at = error.code, error, self._clock.monotonic()
                raise
            peer.link, peer.last_seen, peer.last_error, peer.failure = link, self._clock.now(), "", None
            return link

    async def _connect(self, node_id: NodeId) -> ControlLink:
        """A control link under the newest manifest of both sides; ours may have to be brought up to date first."""
        for _ in range(2):
            psk = self._federation.secrets_for(node_id).psk
            link = await self.fresh(node_id, psk)
            try:
                await self._compare(link)
                if self._federation.secrets_for(node_id).psk == psk:
                    return link
            except BaseException:
                await link.close()
                raise
            await link.close()
        raise PeerUnreachable(f"node {node_id.short}: the keys changed while it was dialled")

    async def _compare(self, link: ControlLink) -> None:
        """Bring both sides to the same manifests."""
        if link.remote_state == self._federation.proved_by(link.channel.psk_id).state:
            return
        try:
            await self.on_differing(link)
        except (TimeoutError, IdasError) as error:
            log_event("manifest_not_fetched", peer=link.channel.peer.short, reason=type(error).__name__)

    async def fresh(self, node_id: NodeId, psk: bytes) -> ControlLink:
        """A control link of the caller's own, opened with this pre-shared key (32 bytes); errors as for `control`."""
        link = ControlLink(await self._dial(node_id, Purpose.CONTROL, psk), tasks=self._tasks)
        await self._open(link)
        return link

    async def image(self, node_id: NodeId) -> MovingChannel:
        """A fresh image channel; errors as for `control`."""
        return await self._dial(node_id, Purpose.IMAGE, self._federation.secrets_for(node_id).psk)

    def open_now(self) -> list[ControlLink]:
        """The control links that are open."""
        return [link for peer in self.peers.values() if (link := peer.open_link) is not None]

    async def close(self) -> None:
        """Close every control link open now, so that the next use dials with the keys then in force."""
        links = [peer.link for peer in self.peers.values() if peer.link is not None]
        for peer in self.peers.values():
            peer.link = None
        await asyncio.gather(*(link.close() for link in links), return_exceptions=True)

    async def ping_all(self) -> float:
        """Ping open links, close those that do not answer; return seconds until the next turn."""
        async with asyncio.TaskGroup() as group:
            for peer in list(self.peers.values()):
                if (link := peer.open_link) is not None:
                    group.create_task(self._ping(peer, link))
        return PING_INTERVAL

    def check(self, hosts: Collection[str]) -> None:
        """See at once which links still carry anything: our network has changed, and has these addresses."""
        self.mover.check(hosts)
        for peer in self.peers.values():
            self._check(peer)

    def _check(self, peer: Peer) -> None:
        if (link := peer.open_link) is not None:
            with suppress(Busy):
                self._tasks.start("ping", self._ping(peer, link, DOUBT_TIMEOUT))

    async def _ping(self, peer: Peer, link: ControlLink, timeout: float = PING_TIMEOUT) -> None:
        begin = self._clock.monotonic()
        try:
            async with asyncio.timeout(timeout):
                await link.ping()
        except (TimeoutError, IdasError) as error:
            peer.last_error = getattr(error, "code", PeerUnreachable.code)
            await link.close()
        else:
            peer.round_trip, peer.last_seen = self._clock.monotonic() - begin, self._clock.now()

    async def _open(self, link: ControlLink) -> None:
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                ours = self._federation.proved_by(link.channel.psk_id)
                await link.open(ours.epoch, ours.state)
        except BaseException as error:
            await link.close()
            if isinstance(error, TimeoutError):
                raise PeerUnreachable from None
            raise

    async def _dial(self, node_id: NodeId, purpose: Purpose, psk: bytes) -> MovingChannel:
        """Dial, and once more where the node has moved since its record was read."""
        begin = self._clock.monotonic()
        info = await self._info(node_id, trusting=purpose is Purpose.IMAGE)
        try:
            return await self._dial_at(info, node_id, purpose, psk)
        except PeerUnreachable:
            peer = self.peers[node_id]
            if peer.resolved_at >= begin:
                raise
            peer.resolved_at = -1e9
            if (newer := await self._info(node_id)) == info:
                raise
        return await self._dial_at(newer, node_id, purpose, psk)

    async def _dial_at(self, info: NodeInfo, node_id: NodeId, purpose: Purpose, psk: bytes) -> MovingChannel:
        is_urgent = self._clock.monotonic() - self.peers[node_id].lost_at < JUST_LOST
        rungs = (*(() if is_urgent else self._meeting(node_id, purpose)), *self._rungs(node_id, info))
        dialling = self._climb(info, node_id, purpose, psk, rungs)
        channel = await self._widener.open(dialling, self.peers[node_id], node_id, purpose, psk)
        channel.on_over.append(lambda: self._over(channel))
        self.mover.watch(channel)
        self._took(channel)
        log_event("link_opened", peer=node_id.short, path=channel.path, task=str(purpose))
        return channel

    async def _climb(
        self, info: NodeInfo, node_id: NodeId, purpose: Purpose, psk: bytes, rungs: Sequence[Rung]
    ) -> SecureChannel:
        peer, detours = self.peers.setdefault(node_id, Peer()), dict[str, str]()
        try:
            return await dial(
                self._identity,
                node_id,
                info.addresses,
                purpose=purpose,
                psk=Psk(psk_id=psk_id(psk), key=psk),
                timeout=DIAL_TIMEOUT,
                rungs=rungs,
                way=self._way,
                on_failed=lambda path, error: detours.update({path: error.detail or error.code}),
            )
        finally:
            peer.detours = detours

    async def _dial_better(self, channel: MovingChannel, but: frozenset[str]) -> SecureChannel:
        """Another connection for a channel, by a path preferred to its own, any where its relay stops; `but` these."""
        node_id = channel.peer
        if (info := await self._locator.resolve(node_id) or self.peers[node_id].info) is None:
            raise PeerUnreachable
        meeting = self._meeting(node_id, channel.purpose, again=True)
        if channel.must_leave.is_set():
            self.peers[node_id].lost_relay = channel.remote
            rungs: Iterable[Rung] = (*self._rungs(node_id, info), *meeting)
        else:
            rungs = takewhile(lambda rung: rung.path != channel.path, (*meeting, *self._rungs(node_id, info)))
        better = [rung for rung in rungs if rung.path not in but]
        return await self._climb(info, node_id, Purpose.MOVE, self._federation.secrets_for(node_id).psk, better)

    def _took(self, channel: MovingChannel) -> None:
        if channel.purpose is Purpose.IMAGE:
            self.peers[channel.peer].image_path = channel.path

    def _over(self, channel: MovingChannel) -> None:
        """Where a way is lost a relay replaces it soonest, another one if it was one; the control link may be dead."""
        peer, is_relay = self.peers[channel.peer], channel.path == RELAY_PATH
        if channel.was_cut and (is_relay or channel.was_silent):
            peer.lost_at, peer.lost_relay = self._clock.monotonic(), channel.remote if is_relay else peer.lost_relay
            if channel.purpose is Purpose.IMAGE:
                self._check(peer)

    async def rungs(self, node_id: NodeId) -> tuple[Rung, ...]:
        """The kinds of path to a node beside its addresses, best first."""
        return self._rungs(node_id, await self._locator.resolve(node_id))

    def _meeting(self, node_id: NodeId, purpose: Purpose, *, again: bool = False) -> tuple[Rung, ...]:
        """Connections opened from both sides, for images only: the control link is where they are agreed on."""
        openers = self._openers if purpose is Purpose.IMAGE else ()
        return tuple(rung for one in openers if (rung := one.rung(node_id, self.control, again=again)) is not None)

    def _rungs(self, node_id: NodeId, info: NodeInfo | None) -> tuple[Rung, ...]:
        def offers_of(info: NodeInfo | None) -> tuple[RelayOffer, ...]:
            lost = self.peers.setdefault(node_id, Peer()).lost_relay
            return in_order(info.relays if info is not None else (), known=self._contacts(), lost=lost)

        async def renew() -> tuple[RelayOffer, ...]:
            return offers_of(await self._locator.resolve(node_id))

        rung = relay_rung(self._identity, node_id, offers_of(info), renew=renew, way=self._way)
        return (rung,) if self._use_relays else ()

    async def _info(self, node_id: NodeId, *, trusting: bool = False) -> NodeInfo:
        """The node's record, read again where it is old, and after a failure unless that is `trusting`."""
        peer = self.peers.setdefault(node_id, Peer())
        is_old = peer.info is None or self._clock.monotonic() - peer.resolved_at > ADDRESS_LIFETIME
        if is_old or (peer.last_error and not trusting):
            peer.info = await self._locator.resolve(node_id) or peer.info or self._locator.remembered(node_id)
            peer.resolved_at = self._clock.monotonic()
        if peer.info is None or not (peer.info.addresses or (self._use_relays and peer.info.relays)):
            raise PeerUnreachable(f"node {node_id.short}: no address known")
        return peer.info


async def _ignore(link: ControlLink) -> None:
    """What to do about other manifests before there is something to do more."""
