"""Placing many records: which go to which nodes, packed into as few datagrams as they fit.

Belongs here: grouping and packing, without sending. Not here: lookups and sending (server.py).
Source: docs/spec/directory.md section 10.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from idas_p2p.directory.peers import Peer
from idas_p2p.limits import MAX_RECORDS_PER_DATAGRAM
from idas_p2p.wire.datagrams import MAX_REQUEST_SIZE

STORE_FRAMING = 20  # bytes of a store request without records, at most
RECORD_FRAMING = 3  # bytes that msgpack adds to each record


def pack_records(numbered: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Cut a sequence of numbered records into runs that fit one request each, keeping their order."""
    run: list[tuple[int, bytes]] = []
    room = MAX_REQUEST_SIZE - STORE_FRAMING
    for number, data in numbered:
        size = len(data) + RECORD_FRAMING
        if run and (size > room or len(run) == MAX_RECORDS_PER_DATAGRAM):
            yield run
            run, room = [], MAX_REQUEST_SIZE - STORE_FRAMING
        run.append((number, data))
        room -= size
    if run:
        yield run


def by_peer(places: Sequence[Sequence[Peer]]) -> dict[Peer, list[int]]:
    """Turn "peers of each record" into "numbers of the records of each peer"."""
    turned: dict[Peer, list[int]] = {}
    for number, peers in enumerate(places):
        for peer in peers:
            turned.setdefault(peer, []).append(number)
    return turned
