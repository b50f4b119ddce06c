"""Whom to ask whether our TCP ports can be reached, and what follows for our part in the directory.

Belongs here: choosing nodes, asking them, offering the same to others. Not here: the dialling (transport/dial_back.py),
what the answers mean (node/reachability.py). Source: docs/spec/transport.md section 8.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from idas_p2p.directory.peers import Peer
from idas_p2p.directory.protocol import OnDialBack
from idas_p2p.directory.server import DirectoryServer
from idas_p2p.wire.address import Address

MAX_ASKED: Final = 3  # nodes of each IP family; ours: one of them may be deaf, behind the same router, or lie


@dataclass(frozen=True, slots=True)
class Asked:
    """A node that may be asked.

    Args:
        server: our part in the directory that knows it.
        peer: the node.
    """

    server: DirectoryServer
    peer: Peer

    async def dial_back(self, port: int, nonce: bytes) -> Address | None:
        """Ask it to dial us; returns where it does, None when it does not or gave no answer."""
        answer = await self.server.protocol.call_dial_back(self.peer, port, nonce)
        return Address(*answer.at.endpoint) if answer is not None and answer.accepted else None


class DialBacks:
    """The directory's part in finding out whether this node can be reached.

    Args:
        servers: our parts in the directory now, one for each IP family.
        random_bytes: a secure source.
    """

    def __init__(
        self, servers: Callable[[], Sequence[DirectoryServer]], *, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._servers = servers
        self._random = random.Random(random_bytes(16))  # noqa: S311  # which nodes to ask, no secrets

    def offer(self, dial: OnDialBack) -> None:
        """Dial back those who ask from now on; to be called once the directory has started."""
        for server in self._servers():
            server.protocol.on_dial_back = dial

    def choose(self) -> list[Asked]:
        """Some nodes to ask; none of a family whose datagrams are carried, for they are seen to come from elsewhere."""
        return [
            Asked(server, peer)
            for server in self._servers()
            if server.protocol.carriage is None
            for peer in self._some(list(server.protocol.router))
        ]

    def _some(self, peers: list[Peer]) -> list[Peer]:
        return self._random.sample(peers, min(MAX_ASKED, len(peers)))

    def serve(self, serves: bool) -> None:
        """Be a server of the directory, or a client because nobody can reach us."""
        for server in self._servers():
            server.serve(serves)
