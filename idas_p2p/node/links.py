"""Links to other members: found by NodeId, dialled when needed, kept while they live.

Belongs here: from a NodeId to an open control link or a fresh image channel. Not here: what is said on them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from idas_p2p.access.federation import Federation, psk_id
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.directory.service import Directory
from idas_p2p.errors import IdasError, PeerUnreachable, WireError
from idas_p2p.events import log_event
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.meetings import Meetings
from idas_p2p.store.settings import Settings
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.relayed import relay_rung
from idas_p2p.transport.rungs import Rung
from idas_p2p.wire.address import Contact
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import NodeInfo
from idas_p2p.wire.relay import RelayOffer
from idas_p2p.wire.schema import decode, encode

DIAL_TIMEOUT = 4.0  # seconds for one channel; ours: a dead node costs a query no more than this
RESOLVE_TIMEOUT = 2.0  # seconds for a node record from the directory; ours
ADDRESS_LIFETIME = 300.0  # seconds a node record is used before it is looked up again; ours
PING_INTERVAL = 20.0  # seconds; ours: notices a silent peer, keeps a NAT's entry
PING_TIMEOUT = 8.0  # seconds; ours


@dataclass(slots=True)
class Peer:
    """What is known of one other node."""

    info: NodeInfo | None = None
    resolved_at: float = -1e9  # monotonic seconds
    link: ControlLink | None = None
    round_trip: float | None = None  # seconds
    last_seen: float | None = None  # Unix seconds
    last_error: str = ""
    failed_at: float = -1e9  # monotonic seconds; of the last failure to open a control link
    failure: IdasError | None = None
    image_path: str = ""  # that the last image channel took
    detours: dict[str, str] = field(default_factory=dict)  # paths that did not lead there at the last dial, and why


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
        contacts: bootstrap nodes, by all the addresses we know of them.
        meetings: opens connections from both sides, once a control link stands.
    """

    def __init__(
        self,
        identity: SigningKey,
        federation: Federation,
        directory: Directory,
        settings: Settings,
        *,
        clock: Clock,
        tasks: TaskOwner,
        use_relays: bool = True,
        contacts: Callable[[], Sequence[Contact]] = lambda: (),
        meetings: Meetings | None = None,
    ) -> None:
        self._use_relays, self._contacts, self._meetings = use_relays, contacts, meetings
        self._identity, self._federation, self._directory = identity, federation, directory
        self._settings, self._clock, self._tasks = settings, clock, tasks
        self._dialling: dict[NodeId, asyncio.Lock] = {}
        self.peers: dict[NodeId, Peer] = {}
        self.on_newer: Callable[[ControlLink], Awaitable[None]] = _ignore
        self.on_older: Callable[[ControlLink], None] = lambda link: None

    async def control(self, node_id: NodeId) -> ControlLink:
        """The open control link to a node, dialled when there is none; who waits for a dial shares what comes of it.

        Raises:
            PeerUnreachable: it does not answer at any of its addresses.
            HandshakeFailed: it does not take our key.
        """
        arrived = self._clock.monotonic()
        async with self._dialling.setdefault(node_id, asyncio.Lock()):
            peer = self.peers.setdefault(node_id, Peer())
            if peer.link is not None and peer.link.is_open:
                return peer.link
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
            psk = self._federation.secrets.psk
            link = await self.fresh(node_id, psk)
            try:
                await self._compare(link)
                if self._federation.secrets.psk == psk:
                    return link
            except BaseException:
                await link.close()
                raise
            await link.close()
        raise PeerUnreachable(f"node {node_id.short}: the keys changed while it was dialled")

    async def _compare(self, link: ControlLink) -> None:
        """Bring both sides to the newer of their manifests."""
        if link.remote_epoch < self._federation.epoch:
            self.on_older(link)
        elif link.remote_epoch > self._federation.epoch:
            try:
                await self.on_newer(link)
            except (TimeoutError, IdasError) as error:
                log_event("manifest_not_fetched", peer=link.channel.peer.short, reason=type(error).__name__)

    async def fresh(self, node_id: NodeId, psk: bytes) -> ControlLink:
        """A control link of the caller's own, opened with this pre-shared key (32 bytes); errors as for `control`."""
        link = ControlLink(await self._dial(node_id, Purpose.CONTROL, psk), tasks=self._tasks)
        await self._open(link)
        return link

    async def image(self, node_id: NodeId) -> Channel:
        """A fresh image channel; errors as for `control`."""
        return await self._dial(node_id, Purpose.IMAGE, self._federation.secrets.psk)

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
                if peer.link is not None and peer.link.is_open:
                    group.create_task(self._ping(peer, peer.link))
        return PING_INTERVAL

    async def _ping(self, peer: Peer, link: ControlLink) -> None:
        begin = self._clock.monotonic()
        try:
            async with asyncio.timeout(PING_TIMEOUT):
                await link.ping()
        except (TimeoutError, IdasError) as error:
            peer.last_error = getattr(error, "code", PeerUnreachable.code)
            await link.close()
        else:
            peer.round_trip = self._clock.monotonic() - begin
            peer.last_seen = self._clock.now()

    async def _open(self, link: ControlLink) -> None:
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                await link.open(self._federation.epoch)
        except BaseException as error:
            await link.close()
            if isinstance(error, TimeoutError):
                raise PeerUnreachable from None
            raise

    async def _dial(self, node_id: NodeId, purpose: Purpose, psk: bytes) -> Channel:
        """Dial, and once more where the node has moved since its record was read."""
        begin = self._clock.monotonic()
        info = await self._info(node_id)
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

    async def _dial_at(self, info: NodeInfo, node_id: NodeId, purpose: Purpose, psk: bytes) -> Channel:
        peer = self.peers.setdefault(node_id, Peer())
        detours: dict[str, str] = {}
        try:
            channel = await dial(
                self._identity,
                node_id,
                info.addresses,
                purpose=purpose,
                psk=Psk(psk_id=psk_id(psk), key=psk),
                timeout=DIAL_TIMEOUT,
                rungs=(*self._meeting(node_id, purpose), *self._rungs(node_id, info)),
                on_failed=lambda path, error: detours.update({path: error.detail or error.code}),
            )
        finally:
            peer.detours = detours
        if purpose is Purpose.IMAGE:
            peer.image_path = channel.path
        log_event("link_opened", peer=node_id.short, path=channel.path, task=str(purpose))
        return channel

    async def rungs(self, node_id: NodeId) -> tuple[Rung, ...]:
        """The kinds of path to a node beside its addresses, best first."""
        return self._rungs(node_id, await self._resolve(node_id))

    def _meeting(self, node_id: NodeId, purpose: Purpose) -> tuple[Rung, ...]:
        """A connection opened from both sides, for images only: the control link is where it is agreed on."""
        if self._meetings is None or purpose is not Purpose.IMAGE:
            return ()
        rung = self._meetings.rung(node_id, self.control)
        return (rung,) if rung is not None else ()

    def _rungs(self, node_id: NodeId, info: NodeInfo | None) -> tuple[Rung, ...]:
        async def renew() -> tuple[RelayOffer, ...]:
            newer = await self._resolve(node_id)
            return self._with_our_addresses(newer.relays) if newer is not None else ()

        offers = self._with_our_addresses(info.relays) if info is not None else ()
        return (relay_rung(self._identity, node_id, offers, renew=renew),) if self._use_relays else ()

    def _with_our_addresses(self, offers: tuple[RelayOffer, ...]) -> tuple[RelayOffer, ...]:
        """The same relays, also at addresses known to us alone: the node may have named one of the other IP family."""
        known = self._contacts()
        ours = [replace(o, address=c.address) for o in offers for c in known if c.node_id == o.relay]
        return tuple(dict.fromkeys((*offers, *ours)))

    async def _info(self, node_id: NodeId) -> NodeInfo:
        peer = self.peers.setdefault(node_id, Peer())
        if peer.info is None or self._clock.monotonic() - peer.resolved_at > ADDRESS_LIFETIME or peer.last_error:
            peer.info = await self._resolve(node_id) or peer.info or self._remembered(node_id)
            peer.resolved_at = self._clock.monotonic()
        if peer.info is None or not (peer.info.addresses or (self._use_relays and peer.info.relays)):
            raise PeerUnreachable(f"node {node_id.short}: no address known")
        return peer.info

    async def _resolve(self, node_id: NodeId) -> NodeInfo | None:
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                records = await self._directory.get(node_id.kademlia_id)
        except (TimeoutError, IdasError):
            return None
        own = [record for record in records if record.location == record.writer == node_id.raw]
        try:
            info = decode(NodeInfo, own[0].payload, max_size=1_000) if own else None
        except WireError:
            return None
        if info is not None and info != self._remembered(node_id):
            self._settings.set_value(f"peer.{node_id}", encode(info))
        return info

    def _remembered(self, node_id: NodeId) -> NodeInfo | None:
        stored = self._settings.value(f"peer.{node_id}")
        try:
            return decode(NodeInfo, stored, max_size=1_000) if stored else None
        except WireError:  # written by another version
            return None


async def _ignore(link: ControlLink) -> None:
    """What to do about a newer manifest before the manifests are there to do more."""
