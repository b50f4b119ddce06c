"""Two nodes show one another how their audit logs have grown, over a control link.

Law: the dialer begins; each side gets the other's signed head and gives a receipt, or says by giving none that the log
does not follow from what it saw. Belongs here: the order of messages. Not here: what is believed (access/audit/
witness.py). Source: docs/spec/audit.md section 5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from idas_p2p.errors import AccessDenied, Busy, WireError
from idas_p2p.exchange.codes import error_of
from idas_p2p.wire.audit import AuditReceipt
from idas_p2p.wire.audit_messages import AuditGrown, AuditGrowth, AuditReceived, AuditSeen, AuditWanted
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import RequestEnd

Ask = Callable[[Callable[[int], Any]], Awaitable[Any]]
"""Sends the message made for a number and returns its one answer (ControlLink.ask)."""


class Witness(Protocol):
    """Our log and what is known of those of others."""

    def reserve(self, peer: NodeId) -> None:
        """Begin a comparison with a peer; one at a time, whoever began it. Busy: one is under way."""
        ...

    def is_reserved(self, peer: NodeId) -> bool:
        """Whether a comparison with the peer is under way."""
        ...

    def release(self, peer: NodeId) -> None:
        """End it."""
        ...

    async def known(self, peer: NodeId) -> int:
        """Records of the peer's log that were seen; 0 for none."""
        ...

    async def growth(self, since: int) -> AuditGrowth:
        """How our log has grown since so many records."""
        ...

    async def seen(self, peer: NodeId, growth: AuditGrowth) -> AuditReceipt | None:
        """Take what a peer says of its log; the receipt, or None when it is doubted. WireError: not its word."""
        ...

    async def took(self, peer: NodeId, receipt: AuditReceipt | None) -> None:
        """Take what a peer says of ours; None when it doubts it. WireError: not its word."""
        ...


class NoWitness:
    """What a node without a log does; for tests."""

    def reserve(self, peer: NodeId) -> None:
        """Nothing."""
        raise AccessDenied("no log is kept here")

    def is_reserved(self, peer: NodeId) -> bool:
        """Never."""
        return False

    def release(self, peer: NodeId) -> None:
        """Nothing."""

    async def known(self, peer: NodeId) -> int:
        """Nothing."""
        raise AccessDenied("no log is kept here")

    async def growth(self, since: int) -> AuditGrowth:
        """Nothing."""
        raise AccessDenied("no log is kept here")

    async def seen(self, peer: NodeId, growth: AuditGrowth) -> AuditReceipt | None:
        """Nothing."""
        raise AccessDenied("no log is kept here")

    async def took(self, peer: NodeId, receipt: AuditReceipt | None) -> None:
        """Nothing."""
        raise AccessDenied("no log is kept here")


async def answer_about_logs(
    message: AuditWanted | AuditSeen, peer: NodeId, witness: Witness
) -> AuditGrown | AuditReceived:
    """The answer to a question about logs.

    Raises:
        WireError: what the peer says is not its word.
        Busy: another comparison is under way, or this one took too long.
        IdasError: our log cannot be read.
    """
    if isinstance(message, AuditWanted):
        witness.reserve(peer)
        known, growth = await witness.known(peer), await witness.growth(message.known)
        return AuditGrown(number=message.number, known=known, growth=growth)
    if not witness.is_reserved(peer):
        raise Busy("no comparison of logs is under way")
    try:
        receipt = await witness.seen(peer, message.growth)
        await witness.took(peer, message.receipt)
    finally:
        witness.release(peer)
    return AuditReceived(number=message.number, receipt=receipt)


async def compare_logs(ask: Ask, peer: NodeId, witness: Witness) -> None:
    """Show a peer how our log has grown, and have it show its own.

    Raises:
        WireError: what it says is not its word, or no answer.
        Busy: another comparison is under way.
        IdasError: the code it ended with, or the link broke.
    """
    witness.reserve(peer)
    try:
        known = await witness.known(peer)
        grown = await _answered(ask, lambda number: AuditWanted(number=number, known=known), AuditGrown)
        receipt = await witness.seen(peer, grown.growth)
        ours = await witness.growth(grown.known)
        seen = partial(AuditSeen, receipt=receipt, growth=ours)
        told = await _answered(ask, lambda number: seen(number=number), AuditReceived)
        await witness.took(peer, told.receipt)
    finally:
        witness.release(peer)


async def _answered(ask: Ask, make: Callable[[int], Any], wanted: type[Any]) -> Any:
    answer = await ask(make)
    if isinstance(answer, RequestEnd):
        raise error_of(answer.code)
    if not isinstance(answer, wanted):
        raise WireError("not an answer about audit logs")
    return answer
