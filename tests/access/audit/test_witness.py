"""Neither of two peers can rewrite its log unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.access.audit.chain import State, digest_of, sign_head, sign_receipt, start
from idas_p2p.access.audit.witness import Doubt, PeerLog
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import WireError
from idas_p2p.wire.audit_messages import AuditGrowth
from tests.access.audit.logs import KEY, NOW, PEER, bodies, some_events

NODE = KEY.node_id
DIGESTS = [digest_of(body) for body in bodies(some_events(10))]
OTHERS = [digest_of(body) for body in bodies(some_events(12)[2:])]


def state(digests: list[bytes], key: SigningKey = KEY) -> State:
    made = start(key.node_id)
    for digest in digests:
        made = made.after(digest)
    return made


def growth(digests: list[bytes], since: int, *, key: SigningKey = KEY) -> AuditGrowth:
    """How a log of these records shows what came after the first `since`."""
    return AuditGrowth(since=since, digests=b"".join(digests[since:]), head=sign_head(key, state(digests), now=NOW))


def known(count: int) -> PeerLog:
    return PeerLog(theirs=sign_head(KEY, state(DIGESTS[:count]), now=NOW))


def test_the_first_head_of_a_peer_is_taken_as_it_is() -> None:
    seen, doubt = PeerLog().seen(growth(DIGESTS, 10), NODE)
    assert doubt is None
    assert seen.theirs is not None
    assert seen.theirs.count == 10


def test_a_log_that_has_grown_is_believed_record_by_record() -> None:
    seen, doubt = known(4).seen(growth(DIGESTS, 4), NODE)
    assert (doubt, seen.doubts) == (None, 0)
    assert seen.theirs is not None
    assert seen.theirs.count == 10
    assert known(10).seen(growth(DIGESTS, 10), NODE)[1] is None  # nothing came


def test_a_log_cut_by_its_own_node_is_doubted() -> None:
    seen, doubt = known(8).seen(growth(DIGESTS[:6], 6), NODE)
    assert doubt is Doubt.CUT
    assert (seen.doubts, seen.doubt) == (1, "cut")


def test_a_log_rewritten_by_its_own_node_is_doubted_and_both_heads_are_kept() -> None:
    before = known(4)
    seen, doubt = before.seen(growth(OTHERS, 4), NODE)
    assert doubt is Doubt.REWRITTEN
    assert (seen.before, seen.after) == (before.theirs, growth(OTHERS, 4).head)


def test_a_log_rewritten_to_the_same_length_is_doubted() -> None:
    assert known(10).seen(growth(OTHERS, 10), NODE)[1] is Doubt.REWRITTEN


def test_a_log_that_does_not_show_how_it_grew_is_doubted() -> None:
    assert known(4).seen(growth(DIGESTS, 10), NODE)[1] is Doubt.UNPROVED
    assert known(4).seen(growth(DIGESTS, 5), NODE)[1] is Doubt.UNPROVED


def test_a_peer_is_doubted_once_for_one_rewriting() -> None:
    seen, _ = known(4).seen(growth(OTHERS, 4), NODE)
    assert seen.seen(growth(OTHERS, 10), NODE)[1] is None


def test_a_head_that_is_forged_or_of_another_node_is_refused() -> None:
    with pytest.raises(WireError):
        PeerLog().seen(growth(DIGESTS, 10, key=PEER), NODE)
    forged = replace(growth(DIGESTS, 10), head=replace(growth(DIGESTS, 10).head, chain=bytes(32)))
    with pytest.raises(WireError):
        PeerLog().seen(forged, NODE)


@pytest.mark.parametrize("digests", [b"", bytes(31), bytes(32 * 7)])
def test_a_growth_that_does_not_add_up_is_refused(digests: bytes) -> None:
    with pytest.raises(WireError):
        known(4).seen(replace(growth(DIGESTS, 4), digests=digests), NODE)


def test_a_receipt_is_taken_from_the_peer_that_signed_it_for_our_own_log() -> None:
    head = sign_head(KEY, state(DIGESTS), now=NOW)
    receipt = sign_receipt(PEER, head, now=NOW)
    assert PeerLog().took(receipt, PEER.node_id, NODE).receipt == receipt
    for wrong in (sign_receipt(KEY, head, now=NOW), replace(receipt, at_ms=1)):
        with pytest.raises(WireError):
            PeerLog().took(wrong, PEER.node_id, NODE)
    with pytest.raises(WireError):
        PeerLog().took(receipt, PEER.node_id, PEER.node_id)
