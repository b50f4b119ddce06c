from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.directory.merging import MergedSlots, beats
from tests.directory.network import record

NOW = 1_800_000_000.0
VERSIONS = [record("here", writer, b"p", now=NOW + age).to_bytes() for writer in range(3) for age in range(3)]


def merged(*lots: list[bytes]) -> list[bytes]:
    slots = MergedSlots(record("here", now=NOW).key, now=NOW)
    for lot in lots:
        for data in lot:
            slots.add(data)
    return [found.to_bytes() for found in slots.records()]


@given(st.lists(st.sampled_from(VERSIONS)), st.lists(st.sampled_from(VERSIONS)), st.lists(st.sampled_from(VERSIONS)))
def test_limit_2_the_merge_is_commutative_associative_and_idempotent(
    one: list[bytes], two: list[bytes], three: list[bytes]
) -> None:
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, one) == merged(one)


def test_limit_3_the_newest_wins_and_not_the_most_common() -> None:
    old, new = record("here", now=NOW), record("here", payload=b"new", now=NOW + 1)
    assert merged([old.to_bytes()] * 3, [new.to_bytes()]) == [new.to_bytes()]


def test_limit_2_every_writer_keeps_its_own_slot() -> None:
    assert len(merged(VERSIONS)) == 3


def test_equal_sequences_are_decided_by_the_bytes() -> None:
    assert beats(1, b"b", 1, b"a")
    assert not beats(1, b"a", 1, b"a")
    assert beats(2, b"a", 1, b"b")


def test_a_record_of_another_key_or_a_forged_or_an_expired_one_is_not_believed() -> None:
    slots = MergedSlots(record("here", now=NOW).key, now=NOW)
    good = record("here", now=NOW).to_bytes()
    assert not slots.add(record("elsewhere", now=NOW).to_bytes())
    assert not slots.add(good[:-1] + bytes([good[-1] ^ 1]))
    assert not slots.add(record("here", now=NOW - 5_000, lifetime=10).to_bytes())
    assert not slots.add(b"rubbish")
    assert slots.records() == []
    assert slots.add(good)


def test_what_a_holder_lacks_or_has_in_an_older_form_is_missing() -> None:
    old, new, other = (
        record("here", now=NOW).to_bytes(),
        record("here", now=NOW + 1).to_bytes(),
        record("here", "other", now=NOW).to_bytes(),
    )
    slots = MergedSlots(record("here", now=NOW).key, now=NOW)
    for data in (old, new, other):
        slots.add(data)
    assert slots.missing([old, other]) == [new]
    assert slots.missing([new, other]) == []
