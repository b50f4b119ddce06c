"""The audit log and everything that has to do with it, put together once.

Belongs here: which part is given to which, and their turns. Not here: any decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from idas_p2p import __version__
from idas_p2p.access.audit import events
from idas_p2p.access.audit.message import AuditSource
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.audit_sender import AuditSender, PositionFile
from idas_p2p.node.auditing import Auditor, Run
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.policy_changes import PolicyChanges, Rules
from idas_p2p.node.witnessing import LogWitness
from idas_p2p.store.settings import Settings
from idas_p2p.wire.audit import Event
from idas_p2p.wire.ids import NodeId

Turn = Callable[[], Awaitable[float]]


class Audit:
    """Everything about one node's audit log.

    Args:
        config: the node's.
        identity: the node's.
        settings: keep the rules that were noted last.
        rules: in force.
        name_of: the institution of a member.
        run: runs what waits for the disk in a thread.
        clock: the time.

    Raises:
        AuditUnavailable: the log cannot be opened.
    """

    def __init__(
        self,
        config: NodeConfig,
        identity: SigningKey,
        settings: Settings,
        rules: Rules,
        *,
        name_of: Callable[[NodeId], str | None],
        run: Run,
        clock: Clock,
    ) -> None:
        self.log = Auditor(
            config.folder, identity, clock=clock, random_bytes=random_bytes, settings=config.audit, run=run
        )
        self.witness = LogWitness(identity, self.log, name_of=name_of, run=run, clock=clock)
        self.changes = PolicyChanges(rules, settings, self.log.note)
        source = AuditSource(identity.node_id, config.institution, config.aet)
        position = PositionFile(self.log.folder)
        self.sender = AuditSender(self.log, source, position, settings=config.audit, run=run, clock=clock)

    def note(self, event: Event) -> None:
        """Record an event before this returns; AuditUnavailable when that cannot be, and then it must not be done."""
        self.log.note(event)

    async def settled(self) -> None:
        """Return when the disk has what was noted; AuditUnavailable when it does not take it."""
        await self.log.settled()

    def started(self) -> None:
        """The node serves."""
        self.note(events.started(f"idas {__version__}"))

    def turns(self, links: Callable[[], list[ControlLink]]) -> Iterator[tuple[str, Turn]]:
        """What goes on for ever, by name.

        Args:
            links: the control links that are open now.
        """
        yield "audit", self.log.sync_turn
        yield "audit_kept", self.log.keep_turn
        yield "audit_policy", self.changes.turn
        yield "audit_logs", lambda: self.witness.turn(links())
        if self.sender.is_wanted:
            yield "audit_sender", self.sender.turn

    def figures(self) -> Mapping[str, Any]:
        """How the log does, for `idas status`."""
        sender = self.sender
        collector = {"connected": sender.is_connected, "delivered": sender.delivered, "error": sender.error}
        return {
            "records": self.log.state.count,
            "bytes": self.log.bytes_used(),
            "refused": self.log.refused,
            "collector": collector if sender.is_wanted else None,
        }

    def close(self) -> None:
        """The node serves no more; the disk has everything when this returns. May be repeated."""
        self.log.finish(events.stopped())
