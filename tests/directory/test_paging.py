from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.directory.paging import END, KEY_SIZE, MAX_STRETCHES, stretches

KEYS = st.binary(min_size=KEY_SIZE, max_size=KEY_SIZE)


@given(keys=st.lists(KEYS, min_size=3, max_size=3, unique=True))
def test_stretches_cover_the_rest_without_a_gap(keys: list[bytes]) -> None:
    after, last, end = sorted(keys)
    rest = stretches(after, last, end)
    assert 1 <= len(rest) <= MAX_STRETCHES
    assert (rest[0][0], rest[-1][1]) == (last, end)
    assert [up_to for _, up_to in rest[:-1]] == [begin for begin, _ in rest[1:]]


def test_a_dense_page_makes_many_stretches_and_a_sparse_one_few() -> None:
    assert len(stretches(b"", b"\x01" * KEY_SIZE, END)) == MAX_STRETCHES
    assert len(stretches(b"", b"\x40" + bytes(31), END)) == 3
    assert len(stretches(b"", b"\xc0" + bytes(31), END)) == 1


def test_a_page_that_reached_nowhere_does_not_divide_by_nothing() -> None:
    assert stretches(b"", bytes(KEY_SIZE), END)
