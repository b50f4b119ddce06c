"""When an end is taken for gone: on a clock of the test's own."""

from __future__ import annotations

from idas_p2p.transport.silence import ANSWERING, BEAT, DEAF, DIRECT, RELAYED, ROUND_TRIPS, Silence, Verdict

LIMIT = DIRECT


def first_given_up(
    received: list[int], *, waiting_since: float | None = 0.0, round_trip: float | None = None
) -> float | None:
    """When the rule gives up, looking every BEAT seconds; `received` had come at each look, the last for ever."""
    silence = Silence(is_ours=True, now=0.0)
    for look in range(1, 60):
        came = received[min(look, len(received)) - 1]
        now = look * BEAT
        if silence.look(came, waiting_since=waiting_since, round_trip=round_trip, now=now) is Verdict.GONE:
            return now
    return None


def test_an_end_that_never_says_anything_is_given_up_at_the_first_look_after_the_limit() -> None:
    assert first_given_up([0]) == LIMIT + BEAT


def first(verdict: Verdict, acknowledged: list[int], *, is_ours: bool = True, is_relayed: bool = False) -> float | None:
    """When a verdict comes first of an end of which nothing is heard; the last of what is acknowledged for ever."""
    silence = Silence(is_ours=is_ours, now=0.0)
    for look in range(1, 60):
        taken, now = acknowledged[min(look, len(acknowledged)) - 1], look * BEAT
        said = silence.look(0, taken, is_relayed=is_relayed, waiting_since=0.0, round_trip=None, now=now)
        if said is verdict:
            return now
    return None


def test_an_end_whose_kernel_takes_nothing_either_is_given_up_sooner_and_one_that_may_not_tell_is_not() -> None:
    assert first(Verdict.GONE, [0]) == DIRECT + BEAT
    assert first(Verdict.GONE, [100]) == BEAT + DEAF + BEAT
    assert first(Verdict.GONE, [100, 110, 120]) == 3 * BEAT + DEAF + BEAT
    assert first(Verdict.GONE, list(range(100, 160))) == DIRECT + BEAT  # the machine is there, and says nothing
    assert first(Verdict.GONE, list(range(100, 160)), is_relayed=True) == RELAYED + BEAT  # the relay is


def test_who_was_dialled_doubts_soon_that_others_find_their_way_and_gives_up_late() -> None:
    assert first(Verdict.IN_DOUBT, [100], is_ours=False) == BEAT + DEAF + BEAT
    assert first(Verdict.GONE, [100], is_ours=False) == ANSWERING + BEAT
    assert first(Verdict.IN_DOUBT, [0], is_ours=False) is None
    assert first(Verdict.IN_DOUBT, list(range(100, 160)), is_ours=False) is None


def test_every_byte_counts_even_of_a_message_that_is_not_whole() -> None:
    assert first_given_up([1, 2, 3, 4, 5, 6]) == 6 * BEAT + LIMIT + BEAT
    assert first_given_up(list(range(1, 100))) is None


def test_nobody_is_silent_while_nobody_listens_and_the_wait_begins_anew_with_the_listener() -> None:
    assert first_given_up([0], waiting_since=None) is None
    assert first_given_up([0], waiting_since=10.0) == 10.0 + LIMIT + BEAT


def test_a_long_way_is_given_more_time() -> None:
    assert first_given_up([0], round_trip=1.0) == LIMIT + ROUND_TRIPS + BEAT


def test_time_that_we_were_too_busy_to_look_in_is_not_held_against_the_other_end() -> None:
    silence = Silence(is_ours=True, now=0.0)

    def look(now: float) -> bool:
        return silence.look(0, waiting_since=0.0, round_trip=None, now=now) is Verdict.GONE

    assert not look(60.0)
    assert not look(60.0 + LIMIT / 3)
    assert any([look(60.0 + LIMIT / 3 + n * BEAT) for n in range(1, 12)])
