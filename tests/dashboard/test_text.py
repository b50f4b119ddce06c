"""Values to words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.dashboard.text import UNKNOWN, age, duration, joined, number, printable, size


@given(st.text(max_size=300))
def test_any_text_becomes_printable_and_bounded(text: str) -> None:
    shown = printable(text, limit=64)
    assert shown.isprintable()
    assert len(shown) <= 64 * len("\\U0010ffff") + 1


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\r\nb", "a\\r\\nb"),
        ("\u202egnp", "\\u202egnp"),
        ("\ud800", "\\ud800"),
        ("Müller^日本", "Müller^日本"),
        ("x" * 300, "x" * 256 + "…"),
    ],
)
def test_what_could_steer_a_terminal_is_escaped(hostile: str, shown: str) -> None:
    assert printable(hostile) == shown


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (999, "999 B"),
        (73_240_000, "73.2 MB"),
        (2e9, "2 GB"),
        (9e15, "9 PB"),
        (None, "–"),
    ],
)
def test_sizes_have_a_decimal_unit_and_three_digits(count: object, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4217, "0.422 s"),
        (12.34, "12.3 s"),
        (250, "4 min 10 s"),
        (11_100, "3 h 5 min"),
        (187_200, "2 d 4 h"),
        ("", "–"),
    ],
)
def test_durations_are_told_in_their_two_largest_units(seconds: object, words: str) -> None:
    assert duration(seconds) == words


def test_an_age_is_never_in_the_future() -> None:
    assert age(90.0, now=100.0) == "10 s ago"
    assert age(110.0, now=100.0) == "0 s ago"
    assert age(None, now=100.0) == "never"


def test_lists_and_counts_of_anything_are_shown() -> None:
    assert joined(["a\n", "b"]) == "a\\n, b"
    assert joined([]) == joined(None) == UNKNOWN
    assert number(1_234_567) == "1,234,567"
    assert number("many") == number(True) == UNKNOWN
