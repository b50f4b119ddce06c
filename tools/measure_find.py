"""How many round trips a query of a federation takes: python -m tools.measure_find --nodes 50 --rtt 80 --json.

In virtual time: the real finder, control links, answering side and directory (tools/simulate_directory), over links on
which every way takes half a round trip and nothing is lost. What processors take is not in it. A cold link costs two
round trips more before Hello: TCP and the first two messages of the handshake.
Belongs here: measuring, nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

from idas_p2p.access.subjects import Requester
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.records import sign_record
from idas_p2p.errors import BadSignature, ChannelClosed, IdasError
from idas_p2p.exchange.answer import ControlServer
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.find import Finder, Search
from idas_p2p.node.peer import Peer
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address
from idas_p2p.wire.federation import Claim
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.records import Record
from idas_p2p.wire.study import Study
from tools.simulate_directory import network
from tools.simulate_directory.loop import LoopClock, VirtualLoop, run
from tools.simulate_directory.network import SimulatedNetwork
from tools.simulate_directory.ours import Ours
from tools.simulate_directory.plan import Plan

QUERY = StudyQuery.of({"PatientID": "P-1"})
CLAIM_SIZE = 200  # bytes of a claim's payload, sealed and padded
COLD = 2  # round trips of a dial before Hello


class Wire:
    """One end of a channel whose messages take half a round trip; a dead one takes them and gives nothing."""

    def __init__(self, peer: NodeId, delay: float) -> None:
        self.peer, self._delay = peer, delay
        self.psk_id, self.path, self.remote, self.round_trip = bytes(16), "virtual", Address("192.0.2.1", 1), 2 * delay
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.other: Wire | None = None

    def line(self) -> None:
        """Unknown."""

    async def send(self, message: bytes) -> None:
        """Send one message."""
        if self.other is not None:
            asyncio.get_running_loop().call_later(self._delay, self.other._arrived.put_nowait, message)

    async def receive(self) -> bytes:
        """The next message."""
        message = await self._arrived.get()
        if message is None:
            raise ChannelClosed
        return message

    async def close(self) -> None:
        """End this side."""
        self._arrived.put_nowait(None)


class Holder:
    """A member that holds one study of the patient."""

    epoch, state = 1, b"state"

    def __init__(self, number: int, key: SigningKey) -> None:
        self.number, self.key = number, key
        self.study = Study(study_uid=f"1.2.{number}", patient_id="P-1")

    def manifest_for(self, known: frozenset[bytes]) -> bytes | None:
        """None that is new."""
        return None

    def take_manifest(self, data: bytes) -> None:
        """Nothing."""

    def is_current_member(self, channel: Any) -> bool:
        """Always."""
        return True

    def requester(self, node: NodeId, user: str) -> Requester:
        """Whoever asks."""
        return Requester(node_id=node, institution="Asker", user=user)

    async def find(self, requester: Requester, query: StudyQuery, *, limit: int) -> AsyncIterator[Hit]:
        """Its study."""
        yield Hit(study=self.study, ticket=Ticket(level="full", expires=2**40, mac=bytes(16)))


class Network:
    """The asker's side of everything: directory, federation, links, archives (all in one, as Finder sees them)."""

    def __init__(self, plan: Plan, directory: Ours, *, round_trip: float, dead: int, warm: bool) -> None:
        self._plan, self._ours, self._delay = plan, directory, round_trip / 2
        self.holders = {key.node_id: Holder(n, key) for n, key in enumerate(directory.keys) if n}
        self._dead = set(list(self.holders)[:dead])
        self._warm = warm
        self._place = SigningKey(plan.bytes_for("patient"))
        self._writers = {SigningKey(plan.bytes_for("slot", n)).node_id: holder for n, holder in self._numbered()}
        self.peers: dict[NodeId, Peer] = {}
        self.replicas = 0  # of all claims, as their holders were told
        self._tasks = TaskOwner(limit=10_000)

    def _numbered(self) -> list[tuple[int, NodeId]]:
        return [(holder.number, node) for node, holder in self.holders.items()]

    async def prepare(self) -> None:
        """Have every holder publish its claim, open the links that are to be warm, and let the dead die."""
        now = LoopClock().now()
        for number, _ in self._numbered():
            slot = SigningKey(self._plan.bytes_for("slot", number))
            payload = self._plan.bytes_for("claim", number) * (CLAIM_SIZE // 32 + 1)
            record = sign_record(self._place, slot, payload[:CLAIM_SIZE], now=now)
            self.replicas += sum(await self._ours.servers[number].put([record]))
        for node in self.holders:
            peer = self.peers[node] = Peer(last_seen=now if self._warm or node in self._dead else None)
            if self._warm:
                peer.link = await self._dial(node)
        for node in self._dead:
            self._ours.kill(self.holders[node].number)
            if (link := self.peers[node].link) is not None:
                cast(Wire, link.channel).other = None

    async def _dial(self, node: NodeId) -> ControlLink:
        if node in self._dead and not self._warm:
            await asyncio.Event().wait()
        await asyncio.sleep(COLD * 2 * self._delay)
        here, there = Wire(node, self._delay), Wire(self._ours.keys[0].node_id, self._delay)
        here.other, there.other = there, here
        holder = self.holders[node]
        server = ControlServer(there, membership=holder, source=holder, requester_of=holder.requester)
        self._tasks.start("answering", _quietly(server))
        link = ControlLink(here, tasks=self._tasks)
        await link.open(1, b"state")
        return link

    async def control(self, node: NodeId) -> ControlLink:
        """As Links.control."""
        peer = self.peers[node]
        if peer.open_link is None:
            peer.link = await self._dial(node)
        return cast(ControlLink, peer.link)

    def others(self) -> list[NodeId]:
        """Every other member."""
        return list(self.holders)

    def blinders(self, *, now: float) -> list[Network]:
        """One federation."""
        return [self]

    def places_to_read(self, term: object, *, now: float) -> list[SigningKey]:
        """Where claims to the patient lie."""
        return [self._place]

    def read_claim(self, record: Record) -> Claim:
        """Whose claim a record is."""
        holder = self._writers.get(NodeId(record.writer))
        if holder is None:
            raise BadSignature
        return Claim(holder=holder, withdrawn=False, count=0, signature=bytes(64))

    def contacts(self) -> int:
        """There is a directory."""
        return len(self.holders)

    async def get(self, key: bytes) -> list[Record]:
        """Read it."""
        return list(await self._ours.servers[0].get(key))

    async def own_studies(self, user: str, query: StudyQuery) -> AsyncGenerator[Study, None]:
        """None of our own."""
        for study in list[Study]():
            yield study

    async def stop(self) -> None:
        """End all links."""
        await self._tasks.stop()


async def _quietly(server: ControlServer) -> None:
    try:
        await server.serve()
    except IdasError:
        return


async def _measure(nodes: int, rtt: float, dead: int, warm: bool, seed: int) -> dict[str, Any]:
    plan = Plan(nodes=nodes, dead=0.0, records=0, seed=seed)
    loop = asyncio.get_running_loop()
    ours = Ours(plan, SimulatedNetwork(cast(VirtualLoop, loop), seed=seed))
    await ours.build()
    around: Any = Network(plan, ours, round_trip=rtt, dead=dead, warm=warm)
    await around.prepare()
    finder = Finder(ours.keys[0], around, around, around, around, clock=LoopClock())
    search, begun, times = Search(user="", query=QUERY), loop.time(), list[float]()
    async with aclosing(finder.find(search)) as found:
        async for _ in found:
            times.append(loop.time() - begun)
    total = loop.time() - begun
    await around.stop()
    return {
        "links": "warm" if warm else "cold",
        "dead": dead,
        "found": len(times),
        "replicas": around.replicas,
        "first_rtt": round(times[0] / rtt, 2) if times else None,
        "last_rtt": round(times[-1] / rtt, 2) if times else None,
        "all_ms": round(total * 1_000, 1),
        "all_rtt": round(total / rtt, 2),
        "unanswered": len(search.asked.unanswered),
    }


def measure(*, nodes: int, rtt: float, dead: int, warm: bool, seed: int = 1) -> dict[str, Any]:
    """One query by patient id.

    Args:
        nodes: members, each but the asker with one study.
        rtt: seconds.
        dead: members that are off without a word.
        warm: whether links are open already.
        seed: of everything.
    """
    before = network.SHORTEST, network.LONGEST, network.JITTER
    network.SHORTEST, network.LONGEST, network.JITTER = rtt / 2, rtt / 2, 0.0
    try:
        return run(lambda: _measure(nodes, rtt, dead, warm, seed))
    finally:
        network.SHORTEST, network.LONGEST, network.JITTER = before


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--rtt", type=float, default=80.0, help="milliseconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    rows = [
        measure(nodes=asked.nodes, rtt=asked.rtt / 1_000, dead=dead, warm=warm, seed=asked.seed)
        for warm in (True, False)
        for dead in (0, 1)
    ]
    print(json.dumps(rows) if asked.json else "\n".join(map(str, rows)))


if __name__ == "__main__":
    main()
