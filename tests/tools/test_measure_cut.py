"""What a cut cost, and which connections stand."""

from __future__ import annotations

from tools.measure_cut import CUT, UNCUT, Taken, connections, summary

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 02016A0A:1F90 01016A0A:0050 01 00000000:00000000 00:00000000 00000000     0        0 1
   1: 02016A0A:1F91 01016A0A:0050 06 00000000:00000000 00:00000000 00000000     0        0 2
   2: 02016A0A:1F92 03016A0A:0050 01 00000000:00000000 00:00000000 00000000     0        0 3
"""


def test_only_standing_connections_to_the_host_count() -> None:
    assert connections(TABLE, "10.106.1.1") == {"02016A0A:1F90 01016A0A:0050"}
    assert connections(TABLE, "10.106.1.9") == set()


def test_what_is_lost_is_beyond_outage_and_reconnection() -> None:
    uncut = [Taken(seconds, 1000) for seconds in (4.0, 5.0, 6.0)]
    cut = [Taken(7.0, 1300, outage=0.5, reconnection=0.25)]
    result = summary({UNCUT: uncut, CUT: cut}, "reset")
    assert result["lost_s"] == [1.25]
    assert result["wire_bytes_more"] == 300
    assert not result["reached"]
