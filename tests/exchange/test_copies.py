"""Copies of several holders: united where they agree, one left out whole where they differ, in every order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idas_p2p.exchange.copies import LIST_GRACE, Copies, Copy

A, B = Copy(10, b"a" * 32), Copy(10, b"b" * 32)
NOBODY: Final = frozenset[int]()
UIDS = ("1", "2", "3", "4")


def two(*, first: dict[str, Copy], second: dict[str, Copy], whole: bool = True) -> Copies:
    """Two holders that listed these."""
    copies = Copies()
    for listed in (first, second):
        number = copies.join()
        for uid, copy in listed.items():
            copies.listed(number, uid, copy)
        if whole:
            copies.list_ended(number, now=0.0)
    return copies


def deliver_all(copies: Copies, *, silent: frozenset[int] = NOBODY, now: float = 0.0) -> set[str]:
    """What can be delivered."""
    return {uid for uid in UIDS if uid not in copies.delivered and copies.deliver(uid, silent=silent, now=now)}


def test_equal_copies_are_both_taken() -> None:
    copies = two(first={"1": A, "2": A}, second={"1": A, "2": A})
    assert (copies.accepted, copies.differing) == ((0, 1), frozenset())
    assert deliver_all(copies) == {"1", "2"}


def test_a_study_split_over_holders_is_united() -> None:
    copies = two(first={"1": A, "2": A}, second={"2": A, "3": A})
    assert deliver_all(copies) == {"1", "2", "3"}


def test_of_two_that_differ_the_later_is_left_out_whole() -> None:
    copies = two(first={"1": A, "2": A}, second={"1": A, "2": B, "3": A})
    assert (copies.accepted, copies.differing) == ((0,), {1})
    assert deliver_all(copies) == {"1", "2"}
    assert copies.is_left_out("3")
    assert not copies.is_left_out("2")


def test_another_size_is_another_version() -> None:
    assert two(first={"1": A}, second={"1": Copy(11, A.digest)}).differing == {1}


def test_the_one_of_which_something_was_delivered_stays() -> None:
    copies = two(first={}, second={"1": A}, whole=False)
    assert deliver_all(copies, silent=frozenset({0})) == {"1"}
    copies.listed(0, "1", B)
    assert (copies.accepted, copies.differing) == ((1,), {0})


def test_the_first_holder_need_not_wait_for_anybody() -> None:
    copies = two(first={"1": A}, second={}, whole=False)
    assert deliver_all(copies) == {"1"}


def test_what_the_first_has_not_listed_yet_waits_for_the_end_of_its_list() -> None:
    copies = two(first={"1": A}, second={"1": A, "2": A}, whole=False)
    copies.list_ended(1, now=0.0)
    assert deliver_all(copies) == {"1"}
    copies.list_ended(0, now=1.0)
    assert deliver_all(copies) == {"2"}


def test_nobody_waits_for_a_silent_or_a_lagging_holder() -> None:
    for silent, now in ((frozenset({0}), 0.0), (NOBODY, LIST_GRACE)):
        copies = two(first={}, second={"1": A, "2": A}, whole=False)
        copies.list_ended(1, now=0.0)
        assert not deliver_all(copies)
        assert deliver_all(copies, silent=silent, now=now) == {"1", "2"}


def test_a_list_is_waited_for_when_some_of_what_was_delivered_is_of_it_alone() -> None:
    copies = two(first={"1": A}, second={"2": A}, whole=False)
    assert deliver_all(copies) == {"1"}
    copies.list_ended(1, now=0.0)
    assert not deliver_all(copies, silent=frozenset({0}), now=100.0)
    copies.gone(0)
    assert deliver_all(copies, now=100.0) == {"2"}


def test_a_holder_that_is_gone_before_anything_of_it_was_delivered_does_not_shut_out_others() -> None:
    copies = two(first={"1": A}, second={"1": B})
    assert copies.accepted == (0,)
    copies.gone(0)
    assert (copies.accepted, copies.copy_of("1")) == ((1,), B)


def test_a_holder_that_is_gone_after_something_of_it_was_delivered_shuts_out_those_that_differ() -> None:
    copies = two(first={"1": A, "2": A}, second={"1": A, "2": B, "3": A})
    assert copies.deliver("1", silent=NOBODY, now=0.0)
    copies.gone(0)
    assert copies.differing == {1}
    assert not copies.may_deliver("3", silent=NOBODY, now=0.0)


def test_a_list_that_broke_off_is_not_waited_for() -> None:
    copies = two(first={"1": A}, second={"2": A}, whole=False)
    copies.list_ended(1, now=0.0)
    copies.list_broken(0)
    assert deliver_all(copies) == {"1", "2"}


def test_a_holder_that_lists_otherwise_what_was_delivered_is_left_out() -> None:
    copies = two(first={"1": A, "2": A}, second={"1": A, "2": A})
    assert copies.deliver("1", silent=NOBODY, now=0.0)
    copies.listed(1, "1", B)
    assert copies.differing == {1}


def test_the_same_list_again_changes_nothing() -> None:
    copies = two(first={"1": A}, second={"1": A})
    copies.listed(0, "1", A)
    assert (copies.accepted, copies.count(0), copies.holders_of("1")) == ((0, 1), 1, [0, 1])


def check_nothing_is_mixed(copies: Copies, truth: Sequence[dict[str, Copy]]) -> None:
    """What was delivered can be given by holders that agree with all of it, now and when their lists have ended."""
    agreeing = [
        copy for copy in truth if all(copy.get(uid, version) == version for uid, version in copies.delivered.items())
    ]
    for uid, version in copies.delivered.items():
        assert any(copy.get(uid) == version for copy in agreeing), f"instance {uid} is of a copy that differs elsewhere"


def orders(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Every order in which lists of these lengths can come, as numbers of holders."""
    numbers = [number for number, length in enumerate(lengths) for _ in range(length)]
    yield from map(list, sorted(set(itertools.permutations(numbers))))


@pytest.mark.parametrize("versions", list(itertools.product((None, A, B), repeat=2)), ids=str)
@pytest.mark.parametrize("other", [(A, A), (A, None), (None, A)], ids=str)
def test_two_holders_are_never_mixed_whatever_order_their_lists_come_in(
    versions: tuple[Copy | None, ...], other: tuple[Copy | None, ...]
) -> None:
    truth = [
        {uid: copy for uid, copy in zip(UIDS, copies, strict=False) if copy is not None} for copies in (other, versions)
    ]
    for order in orders([len(copy) + 1 for copy in truth]):
        copies, lists = Copies(), [iter(copy.items()) for copy in truth]
        for _ in truth:
            copies.join()
        for number in order:
            if (entry := next(lists[number], None)) is None:
                copies.list_ended(number, now=0.0)
            else:
                copies.listed(number, *entry)
            deliver_all(copies)
        check_nothing_is_mixed(copies, truth)
        assert copies.delivered.keys() == {uid for number in copies.accepted for uid in truth[number]}
        assert len(copies.accepted) + len(copies.differing) == 2


step = st.one_of(
    st.tuples(st.just("list"), st.integers(0, 2)),
    st.tuples(st.just("deliver"), st.sets(st.integers(0, 2))),
    st.tuples(st.just("gone"), st.integers(0, 2)),
    st.tuples(st.just("broken"), st.integers(0, 2)),
    st.tuples(st.just("later"), st.just(3)),
)
copy_of_a_study = st.dictionaries(st.sampled_from(UIDS), st.sampled_from([A, A, A, B]), max_size=4)


@settings(max_examples=1_000)
@given(st.lists(copy_of_a_study, min_size=3, max_size=3), st.lists(step, max_size=40))
def test_three_holders_are_never_mixed_whatever_happens(
    truth: list[dict[str, Copy]], steps: list[tuple[str, int | set[int]]]
) -> None:
    copies, lists, now = Copies(), [iter(copy.items()) for copy in truth], 0.0
    gone, broken = set[int](), set[int]()
    for _ in truth:
        copies.join()
    for kind, value in steps:
        if isinstance(value, set):
            deliver_all(copies, silent=frozenset(value), now=now)
        elif kind == "list" and value not in gone | broken:
            if (entry := next(lists[value], None)) is None:
                copies.list_ended(value, now=now)
            else:
                copies.listed(value, *entry)
        elif kind == "gone":
            copies.gone(value)
            gone.add(value)
        elif kind == "broken":
            copies.list_broken(value)
            broken.add(value)
        else:
            now += value
        said = [
            {uid: version for uid in copy if (version := copies.listed_by(number, uid)) is not None}
            if number in gone | broken
            else copy
            for number, copy in enumerate(truth)
        ]
        check_nothing_is_mixed(copies, said)
