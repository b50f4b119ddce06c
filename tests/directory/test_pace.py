from __future__ import annotations

from idas_p2p import limits
from idas_p2p.directory.pace import Pace


def test_replication_is_more_frequent_than_publication_which_is_more_frequent_than_expiry() -> None:
    assert Pace().replicate < limits.REPUBLISH_INTERVAL < limits.RECORD_LIFETIME


def test_a_node_that_lost_the_network_tries_again_within_a_minute() -> None:
    assert Pace().first_retry <= Pace().last_retry <= 60
    assert Pace().rejoin <= 60


def test_a_carried_node_tries_udp_again_within_an_hour() -> None:
    assert Pace().carry < Pace().retry_udp <= Pace().last_retry_udp <= 3_600
