from __future__ import annotations

import json

import pytest

from idas_p2p.limits import DIRECTORY_REPLICAS
from tools.scale import FEDERATIONS, Inputs, main, plan


def test_a_node_stores_its_share_whatever_the_size_of_the_federation() -> None:
    stored = {plan(Inputs(institutions=count, records=1_000)).stored_records for count in FEDERATIONS}
    assert stored == {DIRECTORY_REPLICAS * 1_000}


def test_in_a_small_federation_every_node_holds_everything() -> None:
    assert plan(Inputs(institutions=5, records=1_000)).stored_records == 5 * 1_000


def test_those_that_can_be_reached_hold_the_records_of_all() -> None:
    one = plan(Inputs(records=1_000, servers=0.25))
    assert one.stored_records == 4 * DIRECTORY_REPLICAS * 1_000
    assert one.replicas_taken > one.replicas_sent


def test_without_absences_and_queries_a_day_is_one_renewal_each_way() -> None:
    one = plan(Inputs(records=1_000, absences=0, queries=0, bytes_per_replica=400, messages_per_replica=0.5))
    assert one.replicas_sent == one.replicas_taken == DIRECTORY_REPLICAS * 1_000
    assert one.sent_and_received_gb == pytest.approx(2 * DIRECTORY_REPLICAS * 1_000 * 400 / 1e9)
    assert one.datagrams_per_second * 86_400 == pytest.approx(2 * DIRECTORY_REPLICAS * 1_000 * 0.5)


def test_twice_the_records_are_twice_of_everything_but_lookups() -> None:
    one, two = (plan(Inputs(records=records, queries=0)) for records in (1_000, 2_000))
    assert two.memory_gb_peak == pytest.approx(2 * one.memory_gb_peak)
    assert two.sent_and_received_gb == pytest.approx(2 * one.sent_and_received_gb)
    assert two.core_share == pytest.approx(2 * one.core_share)


def test_the_command_prints_a_plan_for_each_federation(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--records", "100000", "--json"])
    plans = json.loads(capsys.readouterr().out)
    assert [one["institutions"] for one in plans] == list(FEDERATIONS)
    main([])
    assert "mbit_per_second" in capsys.readouterr().out
