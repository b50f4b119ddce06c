from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.directory.storing import by_peer, pack_records
from idas_p2p.limits import MAX_RECORD_SIZE, MAX_RECORDS_PER_DATAGRAM
from idas_p2p.wire.datagrams import MAX_REQUEST_SIZE
from idas_p2p.wire.rpc import Store, encode_request
from tests.directory.network import peer


@given(st.lists(st.integers(1, MAX_RECORD_SIZE).map(bytes), max_size=60))
def test_every_record_goes_out_once_and_in_order_and_fits(records: list[bytes]) -> None:
    runs = list(pack_records(enumerate(records)))
    assert [entry for run in runs for entry in run] == list(enumerate(records))
    for run in runs:
        request = Store(records=tuple(data for _, data in run))
        assert len(run) <= MAX_RECORDS_PER_DATAGRAM
        assert len(encode_request(bytes(8), request, is_server=True)) <= MAX_REQUEST_SIZE


def test_small_records_share_a_datagram() -> None:
    assert [len(run) for run in pack_records(enumerate([bytes(300)] * 7))] == [3, 3, 1]


def test_records_are_grouped_by_the_node_they_go_to() -> None:
    one, two = peer(1), peer(2)
    assert by_peer([[one, two], [two], []]) == {one: [0], two: [0, 1]}
