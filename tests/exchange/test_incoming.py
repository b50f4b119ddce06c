"""One instance while it arrives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import ChannelClosed, DigestMismatch, SpoolFull, WireError
from idas_p2p.exchange.incoming import Incoming
from idas_p2p.wire.fetching import InstanceHead
from idas_p2p.wire.instance import Instance, InstanceFailed
from tests.exchange.ends import WRONG, Beginning, Spool, chunks_of, digest_of

DATA = b"the data set of an instance"


def head(**changes: Any) -> InstanceHead:
    fields: dict[str, Any] = {
        "series_uid": "1.2.1",
        "sop_class_uid": "1.2.3",
        "sop_instance_uid": "1.2.1.1",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "size": len(DATA),
        "digest": digest_of(DATA),
        "start": 0,
    }
    return InstanceHead(**fields | changes)


def incoming(spool: Spool, **changes: Any) -> Incoming:
    return Incoming(head(**changes), spool, study_uid="1.2")


@given(st.lists(st.integers(1, 9), max_size=3), st.integers(0, 20))
def test_it_comes_out_whole_however_it_is_cut_and_wherever_it_was_interrupted(sizes: list[int], kept: int) -> None:
    spool = Spool(begun={"1.2.1.1": Beginning("1.2.1.1", digest_of(DATA), len(DATA), DATA[:kept])})
    sizes = [size for end, size in zip([sum(sizes[: i + 1]) for i in range(3)], sizes, strict=False) if kept + end < 27]
    one = incoming(spool, start=kept)
    for chunk in chunks_of(DATA, *sizes, start=kept):
        assert one.outcome() is None
        one.take(chunk, chunk.data)
    outcome = one.outcome()
    assert isinstance(outcome, Instance)
    assert (outcome.data.read(), one.is_over, one.outcome()) == (DATA, True, None)


def test_a_wrong_chunk_fails_it_once_and_leaves_nothing() -> None:
    spool = Spool()
    one = incoming(spool)
    first, second = chunks_of(DATA, 10)
    one.take(replace(first, digest=WRONG), first.data)
    failed = one.outcome()
    assert isinstance(failed, InstanceFailed)
    assert isinstance(failed.reason, DigestMismatch)
    one.take(second, second.data)
    assert (one.is_over, one.outcome(), one.has_failed) == (True, None, True)
    one.pause()
    assert (spool.kept, spool.begun, spool.open_writers) == ({}, {}, 0)


def test_what_is_right_is_kept_when_the_link_breaks() -> None:
    spool = Spool()
    one = incoming(spool)
    first, _ = chunks_of(DATA, 10)
    one.take(first, first.data)
    one.pause()
    assert [(begun.kept, begun.digest) for begun in spool.partial()] == [(10, digest_of(DATA))]


def test_a_beginning_that_is_not_kept_is_an_error_of_this_side() -> None:
    failed = incoming(Spool(), start=5).outcome()
    assert isinstance(failed, InstanceFailed)
    assert isinstance(failed.reason, ChannelClosed)


@pytest.mark.parametrize("size", [0, len(DATA) + 1])
def test_a_chunk_of_a_wrong_size_breaks_the_protocol(size: int) -> None:
    (chunk,) = chunks_of(DATA)
    with pytest.raises(WireError):
        incoming(Spool()).take(replace(chunk, size=size), bytes(size))


def test_no_room_is_said_at_once() -> None:
    with pytest.raises(SpoolFull):
        incoming(Spool(room=1))
