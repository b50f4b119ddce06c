"""What an operator sets about the relay: the table [relay] of bootstrap.toml.

Belongs here: the keys, their defaults and bounds. Not here: what follows from them (reservations.py, traffic.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.toml import TomlTable

MOST: Final = 1_000_000  # of any count; ours: a typing error, not a machine
MBIT: Final = 125_000.0  # bytes
GB: Final = 1e9  # bytes

TABLE: Final = """\
[relay]
enabled = {enabled}    # carry sealed streams between nodes of which one cannot be reached; they cost bandwidth
nodes = []    # NodeIds that may be reached through this relay; this and `federations` empty: every node
federations = []    # NodeIds of all admins of federations, whose members may be reached through this relay as well
reservations = 10000    # nodes that wait here at once
reservations_per_block = 256    # of them from one site: a /24 of IPv4 or a /48 of IPv6; one address if it is private
sessions = 1000    # streams carried at once
sessions_per_node = 64    # of them to one node
sessions_per_block = 128    # of them from one site
mbit = 1000.0    # bandwidth of all streams together, each direction counted; divided equally when it is short
mbit_per_node = 500.0    # of them to and from one node
mbit_per_block = 500.0    # of them with one site
gb_per_day = 5000.0    # bytes carried from midnight to midnight UTC, all together; streams are cut at the end
gb_per_day_per_node = 500.0    # of them to and from one node
gb_per_day_per_block = 1000.0    # of them with one site
drain_seconds = 20.0    # how long streams under way may go on when the relay is told to stop
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A bound of three widths."""

    total: float
    per_node: float
    per_block: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """The table, checked. Rates are bytes a second, amounts bytes a day."""

    enabled: bool = False
    nodes: frozenset[NodeId] = frozenset()
    federations: frozenset[NodeId] = frozenset()  # their admins
    reservations: int = 10_000
    reservations_per_block: int = 256
    sessions: Limits = Limits(total=1_000, per_node=64, per_block=128)
    rate: Limits = Limits(total=1_000 * MBIT, per_node=500 * MBIT, per_block=500 * MBIT)
    amount: Limits = Limits(total=5_000 * GB, per_node=500 * GB, per_block=1_000 * GB)
    drain_seconds: float = 20.0

    @classmethod
    def read(cls, table: TomlTable) -> RelaySettings:
        """Read and check the table.

        Raises:
            BadConfiguration: a key is unknown or its value out of bounds.
        """
        read = _Reader(table)
        settings = cls(
            enabled=table.flag("enabled", default=False),
            nodes=frozenset(table.parsed_list("nodes", NodeId.parse)),
            federations=frozenset(table.parsed_list("federations", NodeId.parse)),
            reservations=read.count("reservations", 10_000),
            reservations_per_block=read.count("reservations_per_block", 256),
            sessions=Limits(
                total=read.count("sessions", 1_000),
                per_node=read.count("sessions_per_node", 64),
                per_block=read.count("sessions_per_block", 128),
            ),
            rate=Limits(
                total=read.amount("mbit", 1_000) * MBIT,
                per_node=read.amount("mbit_per_node", 500) * MBIT,
                per_block=read.amount("mbit_per_block", 500) * MBIT,
            ),
            amount=Limits(
                total=read.amount("gb_per_day", 5_000) * GB,
                per_node=read.amount("gb_per_day_per_node", 500) * GB,
                per_block=read.amount("gb_per_day_per_block", 1_000) * GB,
            ),
            drain_seconds=table.number("drain_seconds", default=20.0, low=0.0, high=600.0),
        )
        table.refuse_unknown()
        return settings


@dataclass(frozen=True, slots=True)
class _Reader:
    table: TomlTable

    def count(self, key: str, default: int) -> int:
        return self.table.whole(key, default=default, low=0, high=MOST)

    def amount(self, key: str, default: float) -> float:
        return self.table.number(key, default=float(default), low=0.001, high=float(MOST))
