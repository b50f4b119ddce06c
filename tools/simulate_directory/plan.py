"""What is simulated, and what a federation must offer to be simulated: ours and stock alike.

Belongs here: the question. Not here: how it is run (scenario.py), what came out (figures.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from idas_p2p.limits import DIRECTORY_K
from tools.simulate_directory.network import Account

PAYLOAD = 152  # bytes; of a claim, docs/spec/directory.md section 4: its record has 369 bytes
UDP_PORT = 11_113


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One scenario."""

    nodes: int = 1_000
    dead: float = 0.3  # share of nodes that die at once, when everything is stored
    records: int = 1_000
    k: int = DIRECTORY_K
    hostile: float = 0.0  # share of nodes
    seed: int = 1
    loss: float = 0.0  # share of datagrams
    churn: bool = False
    hours: float = 24.0  # virtual
    session: float = 1.0  # hours; median
    publish: int = 0  # records from one node; 0 for many writers with few each
    joined: bool = False  # every node joins by itself, instead of starting with full buckets

    def bytes_for(self, *what: object) -> bytes:
        """32 bytes that are the same in every run with this seed."""
        return hashlib.blake2b(repr((self.seed, *what)).encode(), digest_size=32).digest()

    def host_of(self, node: int) -> str:
        """Every node is a site of its own, with a public IPv4 address."""
        return f"{20 + (node >> 16)}.{node >> 8 & 255}.{node & 255}.{1 + (node * 7) % 250}"


class Federation(Protocol):
    """A network of directory nodes, by number."""

    @property
    def ids(self) -> Sequence[bytes]:
        """20 bytes each."""

    async def build(self) -> None:
        """Start all nodes, and let them know one another."""

    async def store(self, writer: int, records: Sequence[int]) -> int:
        """Store records; returns how many replicas were acknowledged."""

    async def read(self, reader: int, record: int, account: Account) -> bool:
        """Read a record; whether exactly what was stored came back."""

    async def lookup(self, reader: int, target: bytes) -> list[bytes]:
        """The ids of the k nodes nearest to an id, without the reader."""

    def key(self, record: int) -> bytes:
        """Where a record lies: 20 bytes."""

    def holds(self, node: int, record: int) -> bool:
        """Whether a node holds a record."""

    def kill(self, node: int) -> None:
        """Turn a node off without a word."""
