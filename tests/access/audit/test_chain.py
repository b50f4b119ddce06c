"""What is signed about a log, and by whom."""

from __future__ import annotations

from dataclasses import replace

from idas_p2p.access.audit.chain import is_signed, sign_head, sign_receipt, sign_segment, start
from tests.access.audit.logs import KEY, NOW, PEER, log


def test_heads_segments_and_receipts_are_signed_by_whom_they_name() -> None:
    _, states = log(KEY, sizes=(2,))
    head = sign_head(KEY, states[2], now=NOW)
    assert is_signed(head)
    assert is_signed(sign_segment(KEY, states[2], now=NOW))
    assert is_signed(sign_receipt(PEER, head, now=NOW))


def test_a_head_that_was_changed_is_signed_no_more() -> None:
    head = sign_head(KEY, start(KEY.node_id), now=NOW)
    for changed in (
        replace(head, count=1),
        replace(head, chain=bytes(32)),
        replace(head, at_ms=1),
        replace(head, node=PEER.node_id),
        replace(head, signature=bytes(64)),
    ):
        assert not is_signed(changed)


def test_a_receipt_of_a_forged_head_is_worth_nothing() -> None:
    forged = replace(sign_head(KEY, start(KEY.node_id), now=NOW), count=9)
    assert not is_signed(sign_receipt(PEER, forged, now=NOW))


def test_a_signature_of_one_thing_is_not_that_of_another() -> None:
    state = start(KEY.node_id)
    head, segment = sign_head(KEY, state, now=NOW), sign_segment(KEY, state, now=NOW)
    assert not is_signed(replace(head, signature=segment.signature))


def test_empty_logs_of_two_nodes_differ() -> None:
    assert start(KEY.node_id) != start(PEER.node_id)
