"""The order of messages about audit logs; what is believed is in tests/access/audit/test_witness.py, whole comparisons
of two nodes in tests/node/test_witnessing.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from idas_p2p.access.audit.chain import sign_head, sign_receipt, start
from idas_p2p.errors import AccessDenied, Busy, WireError
from idas_p2p.exchange.logs import NoWitness, answer_about_logs, compare_logs
from idas_p2p.wire.audit import AuditReceipt
from idas_p2p.wire.audit_messages import AuditGrown, AuditGrowth, AuditReceived, AuditSeen, AuditWanted
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import Pong, RequestEnd
from tests.access.audit.logs import KEY, NOW, PEER

HEAD = sign_head(KEY, start(KEY.node_id), now=NOW)
GROWTH = AuditGrowth(since=0, digests=b"", head=HEAD)
RECEIPT = sign_receipt(PEER, HEAD, now=NOW)
NODE = PEER.node_id


@dataclass
class Notes:
    """A witness that believes everything and notes what it was told."""

    told: list[Any] = field(default_factory=list)
    reserved: set[NodeId] = field(default_factory=set)

    def reserve(self, peer: NodeId) -> None:
        if peer in self.reserved:
            raise Busy
        self.reserved.add(peer)

    def is_reserved(self, peer: NodeId) -> bool:
        return peer in self.reserved

    def release(self, peer: NodeId) -> None:
        self.reserved.discard(peer)

    async def known(self, peer: NodeId) -> int:
        return 4

    async def growth(self, since: int) -> AuditGrowth:
        self.told.append(since)
        return GROWTH

    async def seen(self, peer: NodeId, growth: AuditGrowth) -> AuditReceipt | None:
        self.told.append(growth)
        return RECEIPT

    async def took(self, peer: NodeId, receipt: AuditReceipt | None) -> None:
        self.told.append(receipt)


def answering(*answers: Any) -> tuple[Callable[[Callable[[int], Any]], Any], list[Any]]:
    """A link whose other side says this."""
    waiting, asked = list(answers), []

    async def ask(make: Callable[[int], Any]) -> Any:
        asked.append(make(9))
        return waiting.pop(0)

    return ask, asked


async def test_the_asker_learns_gives_a_receipt_shows_and_gets_one() -> None:
    notes = Notes()
    ask, asked = answering(AuditGrown(number=9, known=7, growth=GROWTH), AuditReceived(number=9, receipt=RECEIPT))
    await compare_logs(ask, NODE, notes)
    assert asked == [AuditWanted(number=9, known=4), AuditSeen(number=9, receipt=RECEIPT, growth=GROWTH)]
    assert notes.told == [GROWTH, 7, RECEIPT]
    assert not notes.reserved


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([RequestEnd(number=9, code=AccessDenied.code)], AccessDenied),
        ([Pong(number=9)], WireError),
        ([AuditReceived(number=9, receipt=None)], WireError),
        ([AuditGrown(number=9, known=7, growth=GROWTH), RequestEnd(number=9, code=Busy.code)], Busy),
    ],
)
async def test_any_other_answer_ends_the_comparison(answers: list[Any], error: type[Exception]) -> None:
    notes = Notes()
    with pytest.raises(error):
        await compare_logs(answering(*answers)[0], NODE, notes)
    assert not notes.reserved


async def test_the_answerer_shows_first_and_takes_then() -> None:
    notes = Notes()
    assert await answer_about_logs(AuditWanted(number=1, known=3), NODE, notes) == AuditGrown(
        number=1, known=4, growth=GROWTH
    )
    told = await answer_about_logs(AuditSeen(number=2, receipt=None, growth=GROWTH), NODE, notes)
    assert told == AuditReceived(number=2, receipt=RECEIPT)
    assert notes.told == [3, GROWTH, None]
    assert not notes.reserved


async def test_a_growth_that_was_not_asked_for_is_not_judged() -> None:
    notes = Notes()
    with pytest.raises(Busy):
        await answer_about_logs(AuditSeen(number=2, receipt=None, growth=GROWTH), NODE, notes)
    assert notes.told == []


async def test_a_second_comparison_with_the_same_peer_is_refused_while_one_is_under_way() -> None:
    notes = Notes()
    await answer_about_logs(AuditWanted(number=1, known=3), NODE, notes)
    with pytest.raises(Busy):
        await answer_about_logs(AuditWanted(number=2, known=3), NODE, notes)
    with pytest.raises(Busy):
        await compare_logs(answering()[0], NODE, notes)


async def test_a_node_that_keeps_no_log_says_so() -> None:
    with pytest.raises(AccessDenied):
        await answer_about_logs(AuditWanted(number=1, known=3), NODE, NoWitness())
