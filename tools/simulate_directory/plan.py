"""What is simulated, and what a federation must offer to be simulated: ours and stock alike.

Belongs here: the question. Not here: how it is run (scenario.py), what came out (figures.py).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from idas_p2p.limits import DIRECTORY_K
from tools.simulate_directory.network import Account

PAYLOAD = 152  # bytes; of a claim, docs/spec/directory.md section 4: its record has 369 bytes
UDP_PORT = 11_113


class Vice(Enum):
    """What a hostile node does; each is one of these, in turn."""

    DROP = auto()  # answers nothing
    LIE = auto()  # gives forged records, and says it stores what it drops
    STALE = auto()  # gives what was stored before, and says it stores what it drops
    FLOOD = auto()  # sends without end, and answers with forged records without end
    MISLEAD = auto()  # names neighbours that do not exist, as near to any id as it likes


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

    @property
    def title(self) -> str:
        """For people."""
        if self.publish:
            return f"{self.publish} records published by one node"
        if self.churn:
            return f"churn, median session {self.session:g} h, {self.hours:g} h"
        hostile = f", {self.hostile:.0%} hostile" if self.hostile else ""
        return f"{self.dead:.0%} die at once{hostile}"

    def bytes_for(self, *what: object) -> bytes:
        """32 bytes that are the same in every run with this seed."""
        return hashlib.blake2b(repr((self.seed, *what)).encode(), digest_size=32).digest()

    @property
    def mean_session(self) -> float:
        """Seconds; sessions are exponentially long, so that who stayed long does not stay longer."""
        return self.session * 3_600.0 / math.log(2)

    def host_of(self, node: int) -> str:
        """Every node is a site of its own, with a public IPv4 address."""
        return f"{20 + (node >> 16)}.{node >> 8 & 255}.{node & 255}.{1 + (node * 7) % 250}"


class Read(Enum):
    """What came of reading a record."""

    FOUND = auto()  # exactly what was stored last
    MISSING = auto()
    STALE = auto()  # what was stored before that, and nothing newer
    FORGED = auto()  # something that its writer never wrote, whatever else


class Federation(Protocol):
    """A network of directory nodes, by number."""

    @property
    def ids(self) -> Sequence[bytes]:
        """20 bytes each."""

    async def build(self) -> None:
        """Start all nodes, and let them know one another."""

    async def store(self, writer: int, records: Sequence[int]) -> int:
        """Store records; returns how many replicas were acknowledged."""

    async def publish(self, writer: int, count: int, note: Callable[[int, int], None]) -> None:
        """Store very many records; `note` is told (records, replicas) that were stored since it was told last."""

    async def read(self, reader: int, record: int, account: Account) -> Read:
        """Read a record."""

    async def lookup(self, reader: int, target: bytes) -> list[bytes]:
        """The ids of the k nodes nearest to an id, without the reader."""

    def key(self, record: int) -> bytes:
        """Where a record lies: 20 bytes."""

    def holds(self, node: int, record: int) -> bool:
        """Whether a node holds a record."""

    def corrupt(self, node: int, how: Vice) -> None:
        """Let a node do evil from now on."""

    def kill(self, node: int) -> None:
        """Turn a node off without a word."""
