"""What a node of a large federation stores, sends and receives in a day: python -m tools.scale --records 100000 --json.

Computed from what was measured (docs/performance.md) by the formulas of docs/scale.md. Give newer figures as options.
Belongs here: arithmetic, nothing else. Not here: measuring (tools/measure_*.py, tools/simulate_directory).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from idas_p2p.directory.replication import PUSHERS
from idas_p2p.limits import BLIND_PERIOD, DIRECTORY_REPLICAS, RECORD_LIFETIME, REPUBLISH_INTERVAL

DAY = 86_400.0  # seconds
FEDERATIONS = (100, 1_000, 10_000)  # institutions


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the plan rests on; all per institution, which has one node."""

    institutions: int = 1_000
    records: float = 1_000_000  # published by one, on average
    servers: float = 1.0  # share of the nodes that others can reach, and that hold records
    queries: float = 3_000  # terms looked up in a day
    absences: float = 1 / 7  # times a day that a node is away for longer than a minute
    bytes_per_replica: float = 418  # sent and received by whoever stores one, lookups included
    messages_per_replica: float = 0.69
    messages_per_get: float = 20  # the bound at 10,000 nodes; 6.1 measured among 30 processes
    bytes_per_get: float = 12_600  # likewise; 3,842 measured
    memory_per_record: float = 885  # bytes
    disk_per_record: float = 400  # bytes of a journal entry; the file may grow to twice as much before it is rewritten
    sign_ms: float = 0.3  # of a core, to sign and place one record
    send_ms: float = 0.1  # of a core, to seal and send one replica
    take_ms: float = 0.23  # of a core, to take one in


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A node's day."""

    institutions: int
    stored_records: float  # by a node that holds records, as a rule
    stored_records_peak: float  # in the days after all places have moved
    memory_gb_peak: float
    disk_gb_peak: float
    replicas_sent: float  # stored elsewhere in a day
    replicas_taken: float  # of a node that holds records
    sent_and_received_gb: float
    mbit_per_second: float  # mean, both ways together
    datagrams_per_second: float  # mean, both ways together
    core_share: float  # of one core


def plan(inputs: Inputs) -> Plan:
    """The day of a node that holds records; docs/scale.md section 2."""
    holders = min(DIRECTORY_REPLICAS, inputs.servers * inputs.institutions)
    stored = inputs.records * holders / inputs.servers
    renewed = inputs.records * holders * DAY / REPUBLISH_INTERVAL
    moved = 2 * PUSHERS * inputs.absences * stored  # offered to who stands in, and to who comes back
    reads = inputs.queries * (1 + RECORD_LIFETIME / BLIND_PERIOD)  # readers also look where a place was
    taken = renewed / inputs.servers + moved
    replicas = renewed + moved + taken
    traffic = replicas * inputs.bytes_per_replica + 2 * reads * inputs.bytes_per_get
    messages = replicas * inputs.messages_per_replica + 2 * reads * inputs.messages_per_get
    core = inputs.records * inputs.sign_ms + (renewed + moved) * inputs.send_ms + taken * inputs.take_ms
    peak = stored * 2  # the old places live on while the new ones are written
    return Plan(
        institutions=inputs.institutions,
        stored_records=stored,
        stored_records_peak=peak,
        memory_gb_peak=peak * inputs.memory_per_record / 1e9,
        disk_gb_peak=2 * peak * inputs.disk_per_record / 1e9,
        replicas_sent=renewed + moved,
        replicas_taken=taken,
        sent_and_received_gb=traffic / 1e9,
        mbit_per_second=8 * traffic / DAY / 1e6,
        datagrams_per_second=messages / DAY,
        core_share=core / 1e3 / DAY,
    )


def table(plans: Sequence[Plan]) -> str:
    """One line for each quantity, one column for each federation."""
    rows = [[field.name, *(f"{getattr(one, field.name):,.4g}" for one in plans)] for field in fields(Plan)]
    return "\n".join(f"{name:22}" + "".join(f"{value:>14}" for value in values) for name, *values in rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.scale", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--institutions", type=int, nargs="+", default=FEDERATIONS)
    for field in fields(Inputs):
        if field.name != "institutions":
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    parser.add_argument("--json", action="store_true", help="one JSON list")
    given = vars(parser.parse_args(arguments))
    as_json, counts = given.pop("json"), given.pop("institutions")
    plans = [plan(Inputs(institutions=count, **given)) for count in counts]
    print(json.dumps([asdict(one) for one in plans]) if as_json else table(plans))


if __name__ == "__main__":
    main()
