"""Equal shares: what each gets when there is enough, and when there is not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.shares import Want, allot

ANY = st.lists(
    st.builds(
        Want,
        st.floats(1, 1e6) | st.just(math.inf),
        st.sampled_from([0.25, 0.5, 1.0]),
        st.lists(st.sampled_from("abc"), min_size=1, unique=True).map(tuple),
    ),
    max_size=12,
)
CAPACITY = {"a": 1e5, "b": 3e4, "c": 1e6}


def test_what_is_enough_for_all_is_given_to_all() -> None:
    assert allot([Want(10, 1, ("*",)), Want(20, 1, ("*",))], {"*": 100}) == pytest.approx([10, 20])


def test_what_is_short_is_divided_equally_and_nothing_is_left_over() -> None:
    assert allot([Want(math.inf, 1, ("*",))] * 4, {"*": 100}) == pytest.approx([25] * 4)
    assert allot([Want(10, 1, ("*",)), Want(math.inf, 1, ("*",))], {"*": 100}) == pytest.approx([10, 90])


def test_nodes_are_equal_however_many_streams_they_have() -> None:
    one = [Want(math.inf, 1 / 3, ("*", "one"))] * 3
    assert allot([*one, Want(math.inf, 1, ("*", "two"))], {"*": 600}) == pytest.approx([100, 100, 100, 300])


def test_a_narrow_limit_of_one_leaves_more_to_the_others() -> None:
    wants = [Want(math.inf, 1, ("*", "narrow")), Want(math.inf, 1, ("*", "wide"))]
    assert allot(wants, {"*": 100, "narrow": 10, "wide": 1_000}) == pytest.approx([10, 90])


def test_a_limit_that_is_not_set_limits_nothing() -> None:
    assert allot([Want(math.inf, 1, ("none",))], {}) == [math.inf]
    assert allot([], {"*": 1}) == []


@given(ANY)
def test_no_limit_is_passed_and_nobody_gets_more_than_wanted(wants: list[Want]) -> None:
    grants = allot(wants, CAPACITY)
    for name, most in CAPACITY.items():
        assert sum(grant for grant, want in zip(grants, wants, strict=True) if name in want.limits) <= most + 10
    assert all(0 <= grant <= want.amount + 1 for grant, want in zip(grants, wants, strict=True))


@given(ANY)
def test_whoever_gets_less_than_wanted_is_held_by_a_limit_that_is_used_up(wants: list[Want]) -> None:
    grants = allot(wants, CAPACITY)
    used = {
        name: sum(grant for grant, want in zip(grants, wants, strict=True) if name in want.limits) for name in CAPACITY
    }
    for grant, want in zip(grants, wants, strict=True):
        assert grant >= want.amount - 2 or any(used[name] >= CAPACITY[name] - 20 for name in want.limits)
