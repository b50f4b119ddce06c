"""How many round trips a query of a federation takes, in virtual time: it does not matter how busy the machine is."""

from __future__ import annotations

import pytest

from tools.measure_find import measure

NODES, RTT = 16, 0.08  # seconds


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_a_patient_is_found_everywhere_in_few_round_trips(warm: bool) -> None:
    figures = measure(nodes=NODES, rtt=RTT, dead=0, warm=warm)
    assert (figures["found"], figures["unanswered"]) == (NODES - 1, 0)
    assert figures["first_rtt"] <= (5 if warm else 8)
    assert figures["all_ms"] <= 8 * RTT * 1_000 + 100


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_a_dead_member_adds_nothing_to_the_others_and_ends_within_two_seconds(warm: bool) -> None:
    alone = measure(nodes=NODES, rtt=RTT, dead=0, warm=warm)
    figures = measure(nodes=NODES, rtt=RTT, dead=1, warm=warm)
    assert (figures["found"], figures["unanswered"]) == (NODES - 2, 1)
    assert figures["last_rtt"] <= alone["last_rtt"] + 2  # the directory may have lost a holder as well
    assert figures["all_ms"] <= 2_000
