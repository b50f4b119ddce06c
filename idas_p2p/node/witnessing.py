"""Watching one another's audit logs: with each member we have a link to, now and then, and what comes of it.

Law: what a peer's log was is kept on the disk before a receipt is given. A log that is not what it was is an alert in
ours. Belongs here: when, and where it is kept. Not here: what is said (exchange/logs.py), what is believed (access/
audit/witness.py). Source: docs/spec/audit.md section 5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from idas_p2p.access.audit import events
from idas_p2p.access.audit.chain import sign_receipt
from idas_p2p.access.audit.witness import PeerLog
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import Busy, IdasError, WireError
from idas_p2p.events import log_event
from idas_p2p.exchange.control import ControlLink
from idas_p2p.exchange.logs import compare_logs
from idas_p2p.node.auditing import Auditor
from idas_p2p.store.audit_peers import MAX_FILE_SIZE, OWN, PeerFiles
from idas_p2p.wire.audit import AuditReceipt
from idas_p2p.wire.audit_messages import AuditGrowth
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import decode, encode

COMPARE_INTERVAL: Final = 60.0  # seconds between comparisons with one peer; ours: what can be rewritten unseen
RESERVED: Final = 20.0  # seconds until a comparison that its beginner left is taken for over; ours
_NO_LOG: Final = PeerLog()

Run = Callable[..., Awaitable[Any]]


class LogWitness:
    """Our log and what is known of those of others (exchange.logs.Witness).

    Args:
        identity: ours.
        auditor: our log.
        name_of: the institution of a member; None when it is none.
        run: runs what waits for the disk in a thread.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        auditor: Auditor,
        *,
        name_of: Callable[[NodeId], str | None],
        run: Run,
        clock: Clock,
    ) -> None:
        self._identity, self._auditor, self._name_of, self._run, self._clock = identity, auditor, name_of, run, clock
        self._files = PeerFiles(auditor.folder)
        self._under_way = dict[NodeId, float]()  # until when, monotonic seconds

    def reserve(self, peer: NodeId) -> None:
        """Begin a comparison with a peer; Busy when one is under way."""
        if self.is_reserved(peer):
            raise Busy("logs are being compared already")
        self._under_way[peer] = self._clock.monotonic() + RESERVED

    def is_reserved(self, peer: NodeId) -> bool:
        """Whether a comparison with the peer is under way."""
        return self._clock.monotonic() < self._under_way.get(peer, 0.0)

    def release(self, peer: NodeId) -> None:
        """End it."""
        self._under_way.pop(peer, None)

    async def known(self, peer: NodeId) -> int:
        """Records of the peer's log that were seen; 0 for none."""
        theirs = (await self._read(peer)).theirs
        return theirs.count if theirs else 0

    async def growth(self, since: int) -> AuditGrowth:
        """How our log has grown since so many records; what we sign is kept, so that a cut end is noticed here too."""
        growth = await self._auditor.growth(since)
        if growth.head.count == self._auditor.on_disk.count:
            await self._run(self._files.write, OWN, encode(growth.head))
        return growth

    async def seen(self, peer: NodeId, growth: AuditGrowth) -> AuditReceipt | None:
        """Take what a peer says of its log; the receipt, or None when it is doubted. WireError: not its word."""
        log, doubt = (await self._read(peer)).seen(growth, peer)
        await self._run(self._files.write, peer, encode(log))
        if doubt is None:
            return sign_receipt(self._identity, growth.head, now=self._clock.now())
        self._alert(peer, f"its audit log is not the one it signed before: {doubt}", reason=str(doubt))
        return None

    async def took(self, peer: NodeId, receipt: AuditReceipt | None) -> None:
        """Take what a peer says of ours; None when it doubts it. WireError: not its word."""
        if receipt is None:
            self._alert(peer, "says that our audit log is not the one we signed before", reason="doubted")
            return
        log = (await self._read(peer)).took(receipt, peer, self._identity.node_id)
        await self._run(self._files.write, peer, encode(log))

    async def turn(self, links: Iterable[ControlLink]) -> float:
        """Compare with every peer that a control link is open to, one after another; return seconds until the next."""
        for link in links:
            try:
                await compare_logs(link.ask, link.channel.peer, self)
            except IdasError as error:  # it costs this comparison only
                log_event("audit_not_compared", peer=link.channel.peer.short, reason=error.code)
        return COMPARE_INTERVAL

    async def logs(self) -> dict[NodeId, PeerLog]:
        """What is known of every peer's log."""
        found = await self._run(lambda: list(self._files.all()))
        return {node: _peer_log(data) for node, data in found}

    async def _read(self, peer: NodeId) -> PeerLog:
        return _peer_log(await self._run(self._files.read, peer))

    def _alert(self, peer: NodeId, text: str, *, reason: str) -> None:
        log_event("audit_log_contradicted", peer=peer.short, reason=reason)
        self._auditor.note(events.log_contradicted(peer, self._name_of(peer) or "", text))


def _peer_log(data: bytes | None) -> PeerLog:
    """What a file says; nothing where it cannot be read, as after a power cut of a disk that lied."""
    try:
        return decode(PeerLog, data, max_size=MAX_FILE_SIZE) if data else _NO_LOG
    except WireError:
        return _NO_LOG
