"""A log that was cut, edited, reordered, or is not the one that was signed, is found out, and by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.access.audit.chain import State, digest_of, sign_head, sign_receipt, start
from idas_p2p.access.audit.events import let_go
from idas_p2p.access.audit.verify import Fault, verify_log
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.wire.audit import AuditRecord
from idas_p2p.wire.audit_file import frame, read_frames, read_start
from idas_p2p.wire.schema import decode, encode
from tests.access.audit.logs import KEY, NOW, PEER, bodies, log, segment, some_events, with_user

NODE = KEY.node_id


def parts(data: bytes) -> tuple[bytes, list[bytes]]:
    """A segment's beginning and its frames."""
    _, offset = read_start(data)
    frames, at = [], offset
    for one in read_frames(data, offset):
        frames.append(data[at : one.end])
        at = one.end
    return data[:offset], frames


def faults(segments: list[bytes], **signed: object) -> list[Fault]:
    return [finding.fault for finding in verify_log(NODE, segments, **signed).findings]  # type: ignore[arg-type]


def test_a_whole_log_is_good_and_says_how_far_it_goes() -> None:
    segments, states = log(KEY, sizes=(5, 4))
    report = verify_log(NODE, segments, [sign_head(KEY, states[9], now=NOW)])
    assert report.is_good
    assert (report.first, report.count, report.heads) == (1, 9, 1)


def test_a_log_whose_oldest_segments_were_let_go_is_good_and_says_so() -> None:
    _, states = log(KEY, sizes=(5,))
    said, _ = segment(KEY, states[5], bodies([*some_events(2), let_go(5, "too old")], first=6))
    report = verify_log(NODE, [said])
    assert report.is_good
    assert (report.first, report.let_go, report.count) == (6, 5, 8)


def test_a_log_cut_in_front_is_found_for_no_record_says_that_it_was_let_go() -> None:
    segments, states = log(KEY, sizes=(5, 4))
    assert faults(segments[1:]) == [Fault.CUT]
    said, _ = segment(KEY, states[5], bodies([let_go(3, "too old")], first=6))
    assert faults([said]) == [Fault.CUT]  # of fewer records than are missing


def test_a_log_cut_at_its_end_is_found_by_the_head_that_was_signed() -> None:
    segments, states = log(KEY)
    start_of, frames = parts(segments[1])
    cut = [segments[0], start_of + b"".join(frames[:-2])]
    assert faults(cut) == []  # by itself it looks whole
    assert faults(cut, heads=[sign_head(KEY, states[10], now=NOW)]) == [Fault.CUT]


def test_a_log_cut_in_the_middle_is_found_without_any_head() -> None:
    segments, _ = log(KEY, sizes=(3, 3, 3))
    assert faults([segments[0], segments[2]]) == [Fault.CUT]
    start_of, frames = parts(segments[1])
    assert Fault.EDITED in faults([segments[0], start_of + frames[0] + frames[2], segments[2]])


def test_an_edited_record_is_found_even_where_its_neighbours_were_left_alone() -> None:
    segments, _ = log(KEY)
    start_of, frames = parts(segments[0])
    old = decode(AuditRecord, next(read_frames(segments[0], len(start_of))).body, max_size=10_000)
    new = encode(with_user(old, "nobody"))
    chain = frames[0][-32:]
    assert Fault.EDITED in faults([start_of + frame(new, chain) + b"".join(frames[1:]), segments[1]])


def test_an_edited_record_whose_chain_was_made_anew_contradicts_the_next_segment_and_the_heads() -> None:
    segments, states = log(KEY)
    rewritten, _ = segment(KEY, start(NODE), bodies(some_events(4)) + bodies(some_events(1), first=5))
    assert faults([rewritten]) == []
    assert faults([rewritten, segments[1]]) == [Fault.EDITED]
    assert faults([rewritten], heads=[sign_head(KEY, states[5], now=NOW)]) == [Fault.CONTRADICTED]


def test_reordered_records_are_found_even_when_the_chain_was_made_anew() -> None:
    one, two, three = bodies(some_events(3))
    assert faults([segment(KEY, start(NODE), [one, three, two])[0]]) == [Fault.REORDERED, Fault.REORDERED]


def test_reordered_segments_are_found() -> None:
    segments, _ = log(KEY, sizes=(3, 3))
    assert Fault.REORDERED in faults([segments[1], segments[0]])


def test_a_forged_head_is_found_and_proves_nothing() -> None:
    segments, states = log(KEY)
    forged = replace(sign_head(PEER, states[10], now=NOW), node=NODE)
    report = verify_log(NODE, segments, [forged])
    assert [finding.fault for finding in report.findings] == [Fault.FORGED_HEAD]
    assert report.heads == 0


def test_a_segment_that_another_key_began_is_found() -> None:
    stranger = SigningKey(bytes([3]) * 32)
    data, _ = segment(stranger, start(NODE), bodies(some_events(2)))
    assert Fault.FORGED_HEAD in faults([data])


def test_a_peers_countersigned_head_contradicts_a_log_rewritten_by_its_own_node() -> None:
    """Whoever has the node's key can sign anything, but not take back what a peer has seen."""
    _, states = log(KEY)
    seen = sign_receipt(PEER, sign_head(KEY, states[5], now=NOW), now=NOW)
    rewritten, end = segment(KEY, start(NODE), bodies(some_events(7)[2:]))
    report = verify_log(NODE, [rewritten], [sign_head(KEY, end, now=NOW)], [seen])
    assert [(finding.fault, finding.record) for finding in report.findings][-1] == (Fault.CONTRADICTED, 5)
    assert report.witnesses == set()


def test_a_peers_countersigned_head_shows_that_records_were_cut() -> None:
    segments, states = log(KEY)
    seen = sign_receipt(PEER, sign_head(KEY, states[10], now=NOW), now=NOW)
    assert faults(segments[:1], receipts=[seen]) == [Fault.CUT]
    assert verify_log(NODE, segments, receipts=[seen]).witnesses == {PEER.node_id}


def test_a_receipt_that_its_witness_did_not_sign_proves_nothing() -> None:
    segments, states = log(KEY)
    forged = replace(sign_receipt(KEY, sign_head(KEY, states[5], now=NOW), now=NOW), witness=PEER.node_id)
    report = verify_log(NODE, segments, receipts=[forged])
    assert [finding.fault for finding in report.findings] == [Fault.FORGED_HEAD]
    assert report.witnesses == set()


@pytest.mark.parametrize("rest", [b"\0\0\0", bytes(100), b"\xff" * 40])
def test_bytes_behind_the_last_record_are_found(rest: bytes) -> None:
    segments, _ = log(KEY)
    assert faults([segments[0], segments[1] + rest]) == [Fault.MALFORMED]


def test_what_is_no_segment_is_found_and_the_rest_still_verified() -> None:
    segments, _ = log(KEY)
    assert faults([segments[0], b"IDASAUD2" + bytes(50)]) == [Fault.MALFORMED]


def test_findings_hold_no_patient_data() -> None:
    segments, _ = log(KEY)
    broken = segments[0].replace(b"dr-lee", b"dr-law")
    assert all("P0" not in one.text and "dr-" not in one.text for one in verify_log(NODE, [broken]).findings)


def test_the_state_after_a_record_depends_on_all_before_it() -> None:
    empty = start(NODE)
    one, two = digest_of(b"1"), digest_of(b"2")
    assert empty.after(one).after(two) != empty.after(two).after(one)
    assert empty.after(one) == State(1, empty.after(one).chain)
