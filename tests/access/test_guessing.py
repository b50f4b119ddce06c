"""Whoever tries codes nobody has is shut out, and nobody else is."""

from __future__ import annotations

from idas_p2p.access.guessing import MAX_ADDRESSES, MAX_IN_WINDOW, WINDOW, Guesses
from idas_p2p.access.lockout import FIRST_DELAY, FREE_AT_ADDRESS

HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_an_address_that_fails_waits_longer_each_time_and_others_do_not() -> None:
    guesses, now = Guesses(), 1_000.0
    for _ in range(FREE_AT_ADDRESS):
        assert guesses.may_try(HERE, now=now)
        guesses.failed(HERE, now=now)
    assert not guesses.may_try(HERE, now=now)
    assert guesses.may_try(THERE, now=now)
    assert guesses.may_try(HERE, now=now + FIRST_DELAY)
    guesses.failed(HERE, now=now + FIRST_DELAY)
    assert not guesses.may_try(HERE, now=now + 2 * FIRST_DELAY)
    assert guesses.count == FREE_AT_ADDRESS + 1


def test_too_many_failures_from_anywhere_shut_out_every_stranger_for_a_while() -> None:
    guesses, now = Guesses(), 1_000.0
    guesses.succeeded(HERE)
    for number in range(MAX_IN_WINDOW):
        guesses.failed(f"198.51.100.{number}", now=now)
    assert not guesses.may_try(THERE, now=now + WINDOW / 2)
    assert guesses.may_try(HERE, now=now + WINDOW / 2)
    assert guesses.may_try(THERE, now=now + WINDOW)


def test_one_that_succeeded_and_fails_again_is_a_stranger_again() -> None:
    guesses, now = Guesses(), 1_000.0
    guesses.succeeded(HERE)
    for _ in range(FREE_AT_ADDRESS):
        guesses.failed(HERE, now=now)
    assert not guesses.may_try(HERE, now=now)
    guesses.succeeded(HERE)
    assert guesses.may_try(HERE, now=now)


def test_what_is_remembered_is_bounded() -> None:
    guesses = Guesses()
    for number in range(MAX_ADDRESSES + 10):
        guesses.succeeded(f"s{number}")
        guesses.failed(f"f{number}", now=1_000.0)
    assert len(guesses._failures) == len(guesses._known) == MAX_ADDRESSES
