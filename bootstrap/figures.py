"""What a bootstrap node counts, by name: shown by `status`, and to Prometheus by metrics.py.

Law: no NodeId, no address, nothing of which there may be more than a fixed number.
Belongs here: names, meanings, reading the parts. Not here: counting (each part), the form (metrics.py, commands.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psutil

from bootstrap.relay import Relay
from bootstrap.relay_link import Fault
from bootstrap.stun import Refusal as StunRefusal
from bootstrap.stun import Stun
from idas_p2p.directory.carrier import CarriageRefusal, Carrier
from idas_p2p.directory.service import DirectoryStatus
from idas_p2p.wire.relay import RelayRefusal


class Kind(StrEnum):
    """How a figure moves."""

    COUNTER = "counter"  # only up, from the start of the process
    GAUGE = "gauge"


class Turned(StrEnum):
    """Why a client of the metrics' address got no figures."""

    TOO_MANY = "too_many"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    NOT_FOUND = "not_found"  # another path, another method, or no HTTP


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity.

    Args:
        name: `part_quantity_unit`, of a counter with `_total` at its end.
        kind: how it moves.
        meaning: in a few words, with its unit.
        amount: the value now; by the name of a reason where it is counted by reasons.
    """

    name: str
    kind: Kind
    meaning: str
    amount: float | Mapping[str, float]


def relay_figures(relay: Relay) -> Iterator[Figure]:
    """Of a relay."""
    book, traffic = relay.reservations, relay.traffic
    yield Figure("relay_reservations", Kind.GAUGE, "Nodes that wait here.", len(book))
    yield Figure("relay_reservations_granted_total", Kind.COUNTER, "Reservations made or prolonged.", book.granted)
    yield Figure("relay_links", Kind.GAUGE, "Links of nodes that wait or ask.", len(relay))
    yield Figure("relay_sessions", Kind.GAUGE, "Streams carried now.", len(traffic.sessions))
    yield Figure("relay_sessions_begun_total", Kind.COUNTER, "Streams carried.", traffic.begun)
    carried = relay.carried + sum(session.carried for session in traffic.sessions)
    yield Figure("relay_bytes_total", Kind.COUNTER, "Bytes of streams carried, each direction counted.", carried)
    yield Figure("relay_draining", Kind.GAUGE, "1 while the relay stops.", int(book.is_draining))
    refused = _by_name(RelayRefusal, book.refusals)
    yield Figure("relay_refusals_total", Kind.COUNTER, "Requests refused, docs/spec/relay.md section 6.1.", refused)


def door_figures(faults: Mapping[Fault, int]) -> Iterator[Figure]:
    """Of the TCP port."""
    closed = _by_name(Fault, faults)
    yield Figure("connections_closed_total", Kind.COUNTER, "Closed without a word, relay.md section 6.2.", closed)


def carrier_figures(carrier: Carrier) -> Iterator[Figure]:
    """Of the carriage of datagrams over TCP."""
    yield Figure("carriage_clients", Kind.GAUGE, "Nodes whose datagrams are carried over TCP.", len(carrier))
    refused = _by_name(CarriageRefusal, carrier.refusals)
    yield Figure("carriage_refusals_total", Kind.COUNTER, "Carriage refused, directory.md section 12.", refused)


def directory_figures(status: DirectoryStatus) -> Iterator[Figure]:
    """Of the directory."""
    yield Figure("directory_contacts", Kind.GAUGE, "Nodes in the table.", status.contacts)
    yield Figure("directory_sessions", Kind.GAUGE, "Sealed sessions with nodes.", status.sessions)
    yield Figure("directory_records", Kind.GAUGE, "Records held for others.", status.records_stored)
    yield Figure("directory_record_bytes", Kind.GAUGE, "Bytes of such records.", status.bytes_stored)
    for way, count, size in (
        ("received", status.datagrams_received, status.bytes_received),
        ("sent", status.datagrams_sent, status.bytes_sent),
    ):
        yield Figure(f"directory_datagrams_{way}_total", Kind.COUNTER, f"Datagrams {way}.", count)
        yield Figure(f"directory_bytes_{way}_total", Kind.COUNTER, f"Bytes of datagrams {way}.", size)
    dropped, refused = dict(status.dropped), dict(status.refused)
    yield Figure("directory_dropped_total", Kind.COUNTER, "Datagrams not served, by reason.", dropped)
    yield Figure("directory_refusals_total", Kind.COUNTER, "Records not stored, by reason.", refused)


def metrics_figures(turned: Mapping[Turned, int]) -> Iterator[Figure]:
    """Of the address for Prometheus itself."""
    yield Figure("metrics_refusals_total", Kind.COUNTER, "Requests for figures not served.", _by_name(Turned, turned))


def stun_figures(stun: Stun) -> Iterator[Figure]:
    """Of the answers that tell nodes at which UDP address they are seen."""
    yield Figure("stun_answers_total", Kind.COUNTER, "STUN requests answered.", stun.answered)
    refused = _by_name(StunRefusal, stun.refusals)
    yield Figure("stun_refusals_total", Kind.COUNTER, "STUN requests not answered.", refused)


def process_figures(process: psutil.Process) -> Iterator[Figure]:
    """Of the process, by the names that Prometheus' own libraries use."""
    with process.oneshot():
        times, memory, begun = process.cpu_times(), process.memory_info(), process.create_time()
    yield Figure("process_cpu_seconds_total", Kind.COUNTER, "Processor time in seconds.", times.user + times.system)
    yield Figure("process_resident_memory_bytes", Kind.GAUGE, "Resident memory in bytes.", memory.rss)
    yield Figure("process_start_time_seconds", Kind.GAUGE, "Start of the process in Unix seconds.", begun)
    yield Figure("process_open_fds", Kind.GAUGE, "Open files and sockets.", process.num_fds())


def as_values(figures: Iterable[Figure]) -> dict[str, float | dict[str, float]]:
    """By name, for JSON."""
    return {f.name: dict(f.amount) if isinstance(f.amount, Mapping) else f.amount for f in figures}


def _by_name(names: Iterable[str], counts: Mapping[Any, int]) -> dict[str, float]:
    """Every name that there is, also those that have not occurred: a rate can then be told from the first."""
    known = [str(name) for name in names]
    return {name: float(counts.get(name, 0)) for name in known}
