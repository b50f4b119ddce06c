"""The figures are those of the real code, and the same in every run."""

from __future__ import annotations

import pytest

from tools.simulate_directory.figures import Figures
from tools.simulate_directory.plan import Plan
from tools.simulate_directory.running import simulate

SMALL = Plan(nodes=60, records=60)


def told(figures: Figures) -> dict[str, object]:
    """All that does not depend on the machine."""
    return {name: value for name, value in figures.to_json().items() if name not in ("real_s", "cpu_s", "peak_mb")}


def test_the_same_seed_gives_the_same_figures_and_another_seed_others() -> None:
    figures = told(simulate("ours", SMALL))
    assert figures == told(simulate("ours", SMALL))
    assert figures != told(simulate("ours", Plan(nodes=60, records=60, seed=2)))


def test_everything_is_found_when_a_third_of_a_small_network_is_dead() -> None:
    figures = simulate("ours", SMALL)
    assert (figures.end, figures.found, figures.lost, figures.reads) == ("complete", 1.0, 0, 60)
    assert figures.exact_k == figures.exact_k_before == 1.0


def test_stock_runs_the_same_scenario_and_waits_for_the_dead() -> None:
    figures = simulate("stock", SMALL)
    assert (figures.end, figures.reads) == ("complete", 60)
    assert figures.p95_s is not None
    assert figures.p95_s >= 5.0  # rpcudp's one timeout
    assert figures.exact_k_before is not None
    assert figures.exact_k_before < 1.0


def test_lost_datagrams_are_sent_again() -> None:
    assert simulate("ours", Plan(nodes=60, records=60, dead=0.0, loss=0.05)).found == 1.0


def test_hostile_nodes_hide_little_and_forge_nothing() -> None:
    figures = simulate("ours", Plan(nodes=60, records=60, dead=0.0, hostile=0.2))
    assert figures.found is not None
    assert figures.found >= 0.95
    assert figures.forged == 0


def test_one_node_publishes_to_the_nearest_at_less_than_a_message_a_replica() -> None:
    figures = simulate("ours", Plan(nodes=60, publish=600))
    assert figures.more["published"] == 600
    assert figures.more["replicas_at_the_nearest"] == 1.0
    assert figures.messages_per_replica is not None
    assert figures.messages_per_replica < 1.0


def test_a_run_cut_short_tells_what_it_saw() -> None:
    figures = simulate("ours", SMALL, limit=0.0)
    assert figures.end == "no end within 0 s"
    assert figures.real_s > 0


@pytest.mark.slow
def test_whole_nodes_that_joined_by_themselves_lose_nothing_while_others_come_and_go() -> None:
    figures = simulate("ours", Plan(nodes=30, records=30, churn=True, hours=1.0))
    assert (figures.lost, figures.found) == (0, 1.0)
    assert figures.more["came_and_went"] > 5


@pytest.mark.slow
def test_a_thousand_nodes_find_everything_exactly_and_with_few_messages() -> None:
    figures = simulate("ours", Plan(nodes=1_000, records=300))
    assert figures.found == 1.0
    assert figures.exact_k is not None
    assert figures.exact_k >= 0.99
    assert figures.messages_per_get is not None
    assert figures.messages_per_get <= 20
    assert figures.hops_mean is not None
    assert figures.hops_mean <= 4
    assert figures.p50_s is not None
    assert figures.p50_s <= 0.35  # virtual
    assert figures.p95_s is not None
    assert figures.p95_s <= 1.0
