"""Whether the time of an answer tells a study that may not be seen from one that is not there.

    python -m tools.measure_none [--studies 10000] [--questions 1000] [--json]

A member asks the answering side of a control link for studies by UID, by number and by name of the patient: half of the
questions are about studies that the rules keep from it, half about none, in random order. `work` is what the holder
does, in microseconds of processor time; `answer` is how long the member waits for the end, in milliseconds, both in
memory, without the noise of a line. `higher` is the chance that a time of a kept study is above one of no study
(Mann-Whitney U over the product of the numbers; 0.5 tells nothing), `z` how far that is from chance: by themselves
within 3 of 0. docs/decisions/answers-on-a-beat.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from idas_p2p.access.compiled import Policy
from idas_p2p.access.labels import Labelled
from idas_p2p.access.levels import DEIDENTIFIED, FULL, OBSCURED
from idas_p2p.access.policy import Rule
from idas_p2p.access.subjects import Requester, parse_subject
from idas_p2p.access.tickets import TicketOffice
from idas_p2p.clock import SystemClock
from idas_p2p.dicom.levels.engine import Parts
from idas_p2p.exchange.answer import ControlServer
from idas_p2p.exchange.interfaces import Membership
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.levelling import Levelling
from idas_p2p.node.shelves import Shelves
from idas_p2p.node.sources import Sources
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.pseudonyms import PseudonymStore
from idas_p2p.transport.memory import MemoryChannel, make_pair
from idas_p2p.wire.ids import NODE_ID_SIZE, NodeId
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.messages import EXCHANGE_VERSION, FindRequest, Hello, RequestEnd, decode_message, encode_message
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

ASKER: Final = NodeId(b"b" * NODE_ID_SIZE)
PSK_ID: Final = bytes(8)
LIMIT: Final = 100  # hits asked for


class _Rules:
    """Rules that give others all levels, and the asker nothing."""

    def __init__(self) -> None:
        levels = (("Carl", FULL), ("Dora", OBSCURED), ("Emil", DEIDENTIFIED))
        rules = [Rule(subjects=(parse_subject(f"node:{name}"),), level=level) for name, level in levels]
        self.policy, self.labelled, self.version = Policy(rules), Labelled(), 1


class _NoGroups:
    async def of(self, requester: Requester) -> Requester:
        return requester

    def known(self, requester: Requester) -> Requester:
        return requester

    def own(self, user: str) -> Requester:
        return Requester(node_id=ASKER, institution="Anna", user=user, is_own=True)


@dataclass(frozen=True)
class _Roster:
    """A federation of the asker and us."""

    epoch: int = 1
    state: bytes = b""

    def is_current_member(self, channel: MemoryChannel) -> bool:
        return channel.peer == ASKER

    def is_former_member(self, channel: MemoryChannel) -> bool:
        return False

    def requester_of(self, node_id: NodeId, user: str) -> Requester:
        return Requester(node_id=node_id, institution="Berg", user=user)


class _NoVault:
    def value(self, key: str) -> bytes | None:
        return None


async def _at_once(apply: Callable[[Instance], Parts], instance: Instance) -> Parts:
    return apply(instance)


def made_holdings(folder: Path, studies: int) -> Holdings:
    """A holder of so many studies, of one of two archives."""
    database = Database.open(f"sqlite:///{folder / 'node.sqlite'}")
    catalog = Catalog(database)
    held = [
        Study(study_uid=f"1.2.{n}", patient_id=f"P{n}", patient_name=f"Name{n}^Given", instance_count=3)
        for n in range(studies)
    ]
    catalog.record("pacs", held, now=1.0)
    return Holdings(
        catalog,
        cast(Sources, {}),  # nothing is fetched
        cast(Shelves, None),
        TicketOffice(bytes(32)),
        rules=_Rules(),
        groups=_NoGroups(),
        levelling=Levelling(bytes(32), _NoVault(), PseudonymStore(database), run=_at_once),
        clock=SystemClock(),
    )


def questions(count: int, studies: int, rng: random.Random) -> list[tuple[bool, StudyQuery]]:
    """Whether a study that is there is asked for, and the query; in random order."""
    made = []
    for number in range(count):
        is_kept, which = number % 2 == 0, rng.randrange(studies)
        which += 0 if is_kept else studies
        keys = (
            {"StudyInstanceUID": f"1.2.{which}"},
            {"PatientID": f"P{which}"},
            {"PatientName": f"Name{which}^Given"},
        )[number // 2 % 3]
        made.append((is_kept, StudyQuery.of(keys)))
    rng.shuffle(made)
    return made


async def measure(folder: Path, *, studies: int, count: int, seed: int) -> dict[str, Any]:
    """Ask, and compare the times of both kinds."""
    holdings = made_holdings(folder, studies)
    asked = questions(count, studies, random.Random(seed))  # noqa: S311 - nothing secret
    asker, found = _Roster().requester_of(ASKER, "dr.a"), 0
    work: dict[bool, list[float]] = {True: [], False: []}
    for is_kept, query in asked:
        begun = time.process_time()
        async with aclosing(holdings.find(asker, query, limit=LIMIT)) as hits:
            found += len([hit async for hit in hits])
        work[is_kept].append((time.process_time() - begun) * 1e6)
    answers = await _answers(holdings, asked)
    return {
        "studies": studies,
        "questions": count,
        "found": found,
        "work": compared(work[True], work[False]),
        "answer": compared(answers[True], answers[False]),
    }


async def _answers(holdings: Holdings, asked: Iterable[tuple[bool, StudyQuery]]) -> dict[bool, list[float]]:
    """Milliseconds until the end of each answer came over a control link."""
    ours, theirs = make_pair(one=ASKER, other=ASKER, psk_id=PSK_ID)
    roster = _Roster()
    server = ControlServer(
        theirs, membership=cast(Membership, roster), source=holdings, requester_of=roster.requester_of
    )
    took: dict[bool, list[float]] = {True: [], False: []}
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        await ours.send(encode_message(Hello(version=EXCHANGE_VERSION, epoch=1, state=b"")))
        await ours.receive()
        for number, (is_kept, query) in enumerate(asked, 1):
            took[is_kept].append(await _ask(ours, number, query))
        serving.cancel()
    return took


async def _ask(channel: MemoryChannel, number: int, query: StudyQuery) -> float:
    request = encode_message(FindRequest(number=number, user="dr.a", query=query, limit=LIMIT))
    begun = time.perf_counter()
    await channel.send(request)
    while not isinstance(decode_message(await channel.receive()), RequestEnd):
        pass
    return (time.perf_counter() - begun) * 1e3


def compared(kept: list[float], absent: list[float]) -> dict[str, float]:
    """Medians, and what the ranks say: see the module."""
    ranked = sorted([(value, True) for value in kept] + [(value, False) for value in absent])
    ranks = sum(rank for rank, (_, is_kept) in enumerate(ranked, 1) if is_kept)
    u, pairs = ranks - len(kept) * (len(kept) + 1) / 2, len(kept) * len(absent)
    spread = (pairs * (len(kept) + len(absent) + 1) / 12) ** 0.5
    return {
        "kept_median": round(statistics.median(kept), 3),
        "absent_median": round(statistics.median(absent), 3),
        "higher": round(u / pairs, 3),
        "z": round((u - pairs / 2) / spread, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure_none", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--studies", type=int, default=10_000, help="of the holder (10000)")
    parser.add_argument("--questions", type=int, default=1_000, help="of both kinds (1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="idas-none-") as name:
        result = asyncio.run(measure(Path(name), studies=args.studies, count=args.questions, seed=args.seed))
    print(json.dumps(result) if args.json else "\n".join(f"{key:10} {value}" for key, value in result.items()))


if __name__ == "__main__":
    main()
