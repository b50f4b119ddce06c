from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.crypto.records import Refusal
from idas_p2p.directory.quotas import Quotas
from idas_p2p.directory.storage import RecordStore
from idas_p2p.limits import RECORD_LIFETIME
from tests.directory.network import ManualClock, record


def store(clock: ManualClock | None = None, **quotas: int) -> RecordStore:
    return RecordStore(clock=clock or ManualClock(), quotas=Quotas(**quotas))


NOW = ManualClock().now()
GOOD = record("here", now=NOW)


def test_a_sound_record_is_held_and_offered_again_it_changes_nothing() -> None:
    held = store()
    assert held.offer(GOOD.to_bytes()) is None
    assert held.offer(GOOD.to_bytes()) is None
    assert held.records(GOOD.key) == [GOOD.to_bytes()]
    assert held.usage.records == 1


@given(st.binary(max_size=200))
def test_rubbish_is_refused_as_malformed(data: bytes) -> None:
    assert store().offer(data) is Refusal.MALFORMED


@pytest.mark.parametrize("part", ["payload", "writer", "location", "location_signature", "writer_signature"])
def test_limit_1_a_forged_record_is_refused_as_bad_signature(part: str) -> None:
    value = getattr(GOOD, part)
    forged = replace(GOOD, **{part: value[:-1] + bytes([value[-1] ^ 1])})
    assert store().offer(forged.to_bytes()) is Refusal.BAD_SIGNATURE


def test_limit_1_nobody_else_overwrites_a_slot() -> None:
    held = store()
    held.offer(GOOD.to_bytes())
    stolen = replace(record("here", "thief", now=NOW + 1), writer=GOOD.writer)
    assert held.offer(stolen.to_bytes()) is Refusal.BAD_SIGNATURE
    assert held.records(GOOD.key) == [GOOD.to_bytes()]


def test_limit_4_a_replayed_record_is_refused_as_stale() -> None:
    held = store()
    newer = record("here", payload=b"new", now=NOW + 1)
    held.offer(newer.to_bytes())
    assert held.offer(GOOD.to_bytes()) is Refusal.STALE_SEQUENCE
    assert held.records(GOOD.key) == [newer.to_bytes()]


def test_limit_5_a_record_expires_by_its_own_date_however_often_it_is_stored() -> None:
    clock = ManualClock()
    held, short = store(clock), record("here", now=clock.now(), lifetime=100)
    for _ in range(3):
        assert held.offer(short.to_bytes()) is None
        clock.advance(40)
    assert held.records(short.key) == []
    assert held.page(short.key, after=b"", room=1_000).records == ()
    assert held.expire(held.keys()) == 1
    assert held.usage.records == 0
    clock.advance(1_000)
    assert held.offer(short.to_bytes()) is Refusal.EXPIRED


def test_a_record_that_would_live_too_long_is_refused() -> None:
    eternal = record("here", now=NOW, lifetime=2 * RECORD_LIFETIME)
    assert store().offer(eternal.to_bytes()) is Refusal.TOO_LONG_LIVED


def test_a_replaced_record_does_not_take_its_successor_along_when_it_expires() -> None:
    clock = ManualClock()
    held = store(clock)
    held.offer(record("here", now=clock.now(), lifetime=10).to_bytes())
    held.offer(record("here", now=clock.now() + 1, lifetime=1_000).to_bytes())
    clock.advance(500)
    assert held.expire(held.keys()) == 0
    assert held.usage.records == 1


def test_limit_28_a_record_over_a_quota_is_refused_by_that_name() -> None:
    held = store(records=1)
    held.offer(GOOD.to_bytes())
    assert held.offer(record("elsewhere", now=NOW).to_bytes()) is Refusal.QUOTA
    assert held.offer(record("here", now=NOW + 1).to_bytes()) is None  # a newer version needs no new room


def test_limit_2_many_writers_share_a_key_and_pages_miss_none() -> None:
    held = store()
    written = {record("here", writer, bytes(100), now=NOW).to_bytes() for writer in range(20)}
    for data in written:
        held.offer(data)
    found: list[bytes] = []
    after, more = b"", True
    while more:
        page = held.page(GOOD.key, after=after, room=1_200)
        assert 0 < sum(map(len, page.records)) <= 1_200
        found += page.records
        after, more = _writer(page.records[-1]), page.more
    assert sorted(found) == sorted(written)


def _writer(data: bytes) -> bytes:
    return type(GOOD).from_bytes(data).writer


def test_a_page_holds_one_record_however_little_room_there_is() -> None:
    held = store()
    held.offer(GOOD.to_bytes())
    assert held.page(GOOD.key, after=b"", room=0).records == (GOOD.to_bytes(),)


def test_limit_4_nothing_is_ever_old_enough_for_us_to_republish() -> None:
    held = store()
    held[GOOD.key] = GOOD.to_bytes()
    assert held[GOOD.key] == [GOOD.to_bytes()]
    assert held.get(b"other") is None
    assert list(held.iter_older_than(0)) == []
    assert dict(held) == {GOOD.key: [GOOD.to_bytes()]}


def test_what_is_taken_in_is_told_once() -> None:
    held, told = store(), []
    held.on_stored = lambda block, data: told.append((block, data))
    held.offer(GOOD.to_bytes(), block="8.8.8.0/24")
    held.offer(GOOD.to_bytes(), block="8.8.8.0/24")
    assert told == [("8.8.8.0/24", GOOD.to_bytes())]
