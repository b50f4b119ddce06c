"""When an end is taken for gone: on a clock of the test's own."""

from __future__ import annotations

from idas_p2p.transport.silence import BEAT, ROUND_TRIPS, Silence

LIMIT = 2.5


def first_given_up(
    received: list[int], *, waiting_since: float | None = 0.0, round_trip: float | None = None
) -> float | None:
    """When the rule gives up, looking every BEAT seconds; `received` had come at each look, the last for ever."""
    silence = Silence(now=0.0)
    for look in range(1, 60):
        came = received[min(look, len(received)) - 1]
        now = look * BEAT
        if silence.look(came, waiting_since=waiting_since, limit=LIMIT, round_trip=round_trip, now=now):
            return now
    return None


def test_an_end_that_never_says_anything_is_given_up_at_the_first_look_after_the_limit() -> None:
    assert first_given_up([0]) == LIMIT + BEAT


def test_every_byte_counts_even_of_a_message_that_is_not_whole() -> None:
    assert first_given_up([1, 2, 3, 4, 5, 6]) == 6 * BEAT + LIMIT + BEAT
    assert first_given_up(list(range(1, 100))) is None


def test_nobody_is_silent_while_nobody_listens_and_the_wait_begins_anew_with_the_listener() -> None:
    assert first_given_up([0], waiting_since=None) is None
    assert first_given_up([0], waiting_since=10.0) == 10.0 + LIMIT + BEAT


def test_a_long_way_is_given_more_time() -> None:
    assert first_given_up([0], round_trip=1.0) == LIMIT + ROUND_TRIPS + BEAT


def test_time_that_we_were_too_busy_to_look_in_is_not_held_against_the_other_end() -> None:
    silence = Silence(now=0.0)
    assert not silence.look(0, waiting_since=0.0, limit=LIMIT, round_trip=None, now=60.0)
    assert not silence.look(0, waiting_since=0.0, limit=LIMIT, round_trip=None, now=60.0 + LIMIT / 3)
    looks = [60.0 + LIMIT / 3 + n * BEAT for n in range(1, 8)]
    assert any(silence.look(0, waiting_since=0.0, limit=LIMIT, round_trip=None, now=now) for now in looks)
