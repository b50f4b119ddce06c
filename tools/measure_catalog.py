"""What a query costs in a catalog of a million studies: python -m tools.measure_catalog --studies 1000000 --json.

Made-up studies of one hospital over twelve years: family names as unevenly spread as in life, four studies a patient
on average. They are recorded as a harvest records them, into SQLite or (`--postgresql`) a PostgreSQL server of its own.
Asked are the holder's side of a query (`Holdings.own_studies`: catalog, rules, exact matching), the same by C-FIND over
one association with a real node, and by C-FIND everything, while its memory is watched.
Belongs here: measuring, nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import psutil
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from idas_p2p.clock import SystemClock
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.node import Node
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Archive, Workstation
from idas_p2p.wire.address import Address
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tools.postgresql import PostgreSQL, programs

ANYWHERE: Final = Address("127.0.0.1", 0)
PAGE: Final = 2_000  # studies recorded at once, as a harvest does
ARCHIVE: Final = "pacs"
DAYS: Final = 12 * 365
FIRST_DAY: Final = datetime.date(2014, 1, 1)
STUDIES_A_PATIENT: Final = 4
FAMILIES: Final = 40_000
SYLLABLES: Final = (
    "ba",
    "ler",
    "mo",
    "schu",
    "ti",
    "kow",
    "ski",
    "han",
    "son",
    "ri",
    "ge",
    "den",
    "ma",
    "lu",
    "per",
    "no",
)
GIVEN: Final = (
    "ANNA",
    "BERT",
    "CLARA",
    "DORA",
    "EMIL",
    "FRIDA",
    "GUSTAV",
    "HANNA",
    "IDA",
    "JAN",
    "KARL",
    "LENA",
    "MARTHA",
)
ASKED: Final = 100  # queries of each kind
FIELDS: Final = ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "AccessionNumber")
AT_MOST: Final = {"p95_ms": 20.0, "first_ms": 200.0}


def made_studies(count: int, seed: int) -> Iterator[Study]:
    """Studies in the order in which a harvest finds them: by day."""
    rng = random.Random(seed)  # noqa: S311
    families = ["".join(rng.choices(SYLLABLES, k=rng.randint(2, 4))).upper() for _ in range(FAMILIES)]
    weights = [1 / (rank + 20) for rank in range(FAMILIES)]  # Zipf's law, flattened: the commonest name has about 0.6 %
    patients = max(1, count // STUDIES_A_PATIENT)
    names = rng.choices(families, weights, k=patients)
    for number in range(count):
        patient, day = rng.randrange(patients), FIRST_DAY + datetime.timedelta(days=number * DAYS // count)
        yield Study(
            study_uid=f"1.2.826.0.1.3680043.10.{seed}.{number}",
            patient_id=f"{patient:08d}",
            issuer="HOSPITAL",
            patient_name=f"{names[patient]}^{GIVEN[patient % len(GIVEN)]}",
            birth_date=f"{1930 + patient % 80}0{1 + patient % 9}15",
            sex="MF"[patient % 2],
            study_date=f"{day:%Y%m%d}",
            study_time="101500",
            accession_number=f"A{number:09d}",
            description="Thorax",
            modalities=("CT",),
            series_count=3,
            instance_count=300,
        )


def queries(count: int, seed: int) -> dict[str, list[StudyQuery]]:
    """Queries of each kind, for studies taken by chance."""
    wanted = set(random.Random(seed + 1).sample(range(count), min(ASKED, count)))  # noqa: S311
    some = [study for number, study in enumerate(made_studies(count, seed)) if number in wanted]
    kinds: dict[str, Callable[[Study], dict[str, str]]] = {
        "patient_id": lambda study: {"PatientID": study.patient_id},
        "accession": lambda study: {"AccessionNumber": study.accession_number},
        "uid": lambda study: {"StudyInstanceUID": study.study_uid},
        "name_prefix": lambda study: {
            "PatientName": study.patient_name.split("^")[0] + "^" + study.patient_name.split("^")[1][:2] + "*"
        },
        "day": lambda study: {"StudyDate": study.study_date},
    }
    return {kind: [StudyQuery.of(of(study)) for study in some] for kind, of in kinds.items()}


UNSELECTIVE: Final = {
    "everything": {},
    "name *A*": {"PatientName": "*A*"},
    "name S*": {"PatientName": "S*"},
    "four years": {"StudyDate": "20160101-20191231"},
    "accession *7": {"AccessionNumber": "*7"},
}


def fill(catalog: Catalog, count: int, seed: int) -> float:
    """Record the studies; studies a second."""
    begin, studies = time.monotonic(), made_studies(count, seed)
    while page := list(islice(studies, PAGE)):
        catalog.record(ARCHIVE, page, now=1.0)
    return count / (time.monotonic() - begin)


class Held:
    """The longest time the event loop was held, while the block runs."""

    def __init__(self) -> None:
        self.longest = 0.0  # seconds

    async def watch(self) -> None:
        """Look again and again."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(0.001)
            now = time.monotonic()
            self.longest, before = max(self.longest, now - before), now


async def ask(node: Node, query: StudyQuery, limit: int | None = None) -> tuple[float, float, int]:
    """Seconds to the first answer and to the last, and how many."""
    begin, first, count = time.monotonic(), 0.0, 0
    async with aclosing(node.holdings.own_studies("", query)) as found:
        async for _ in found:
            count += 1
            first = first or time.monotonic() - begin
            if count == limit:
                break
    return first, time.monotonic() - begin, count


def summary(seconds: list[float], counts: list[int]) -> dict[str, float]:
    """Median, 95th percentile and answers of one kind."""
    ordered = sorted(seconds)
    return {
        "p50_ms": round(1000 * statistics.median(ordered), 2),
        "p95_ms": round(1000 * ordered[int(0.95 * (len(ordered) - 1))], 2),
        "answers": round(statistics.mean(counts), 1),
    }


class Association:
    """A workstation's association with the node, in a thread of its own."""

    def __init__(self, node: Node) -> None:
        entity = AE("VIEWER")
        entity.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
        entity.dimse_timeout = entity.network_timeout = 600.0
        address = node.dicom_address
        self._association = entity.associate(address.host, address.port, ae_title=node.config.aet)
        assert self._association.is_established

    def ask(self, query: StudyQuery) -> tuple[float, float, int]:
        """As `ask`."""
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "STUDY"
        for keyword in FIELDS:
            setattr(identifier, keyword, query.pattern(keyword))
        begin, first, count = time.monotonic(), 0.0, 0
        for _status, answer in self._association.send_c_find(identifier, StudyRootQueryRetrieveInformationModelFind):
            if answer is not None:
                count += 1
                first = first or time.monotonic() - begin
        assert _status.Status == 0, hex(_status.Status)
        return first, time.monotonic() - begin, count

    def close(self) -> None:
        """Release it."""
        self._association.release()


class Memory:
    """The most memory this process had, beyond what it had at first."""

    def __init__(self) -> None:
        self._process, self._over = psutil.Process(), threading.Event()
        self._begin = self._peak = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def stop(self) -> float:
        """Megabytes."""
        self._over.set()
        self._thread.join()
        return float(round((self._peak - self._begin) / 1e6, 1))


@asynccontextmanager
async def running(config: NodeConfig) -> AsyncIterator[Node]:
    """A node with one workstation, and an archive that does not answer: what it held stays in the catalog."""
    node = Node(config, clock=SystemClock())
    nowhere = Address("127.0.0.1", 1)
    node.settings.add_archive(Archive(name=ARCHIVE, kind="dicom", aet="PACS", address=nowhere, poll_seconds=86_400.0))
    node.settings.add_workstation(Workstation(aet="VIEWER", address=Address("127.0.0.1", 104)))
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


async def measure(config: NodeConfig, count: int, seed: int, *, everything: bool) -> dict[str, Any]:
    """Everything."""
    found: dict[str, Any] = {"local": {}, "unselective": {}, "association": {}}
    asked, loop = queries(count, seed), asyncio.get_running_loop()
    async with running(config) as node:
        for kind, some in asked.items():
            timed = [await ask(node, query) for query in some]
            found["local"][kind] = summary([one[1] for one in timed], [one[2] for one in timed])
        for name, keys in UNSELECTIVE.items():
            held = Held()
            watching = loop.create_task(held.watch())
            first, _, answers = await ask(node, StudyQuery.of(keys), limit=2_000)
            watching.cancel()
            held_ms = round(1000 * held.longest, 1)
            found["unselective"][name] = {"first_ms": round(1000 * first, 1), "of": answers, "loop_held_ms": held_ms}
        association = await asyncio.to_thread(Association, node)
        try:
            for kind, some in asked.items():
                timed = [await asyncio.to_thread(association.ask, query) for query in some]
                found["association"][kind] = summary([one[1] for one in timed], [one[2] for one in timed])
            if everything:
                memory = Memory()
                first, last, answers = await asyncio.to_thread(association.ask, StudyQuery())
                found["everything"] = {
                    "first_ms": round(1000 * first, 1),
                    "seconds": round(last, 1),
                    "answers": answers,
                    "more_memory_mb": memory.stop(),
                }
        finally:
            await asyncio.to_thread(association.close)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true", help="a PostgreSQL server of its own instead of SQLite")
    parser.add_argument("--keep", type=Path, help="a folder for the database, filled once and used again")
    parser.add_argument("--everything", action="store_true", help="also a C-FIND for everything")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the output is always JSON")
    options = parser.parse_args()
    server = PostgreSQL(found) if options.postgresql and (found := programs()) else nullcontext()
    with tempfile.TemporaryDirectory() as temporary, server as started:
        folder = (options.keep or Path(temporary)) / "node"
        exists = (folder / "node.toml").exists()
        config = (
            NodeConfig.load(folder)
            if exists
            else NodeConfig.create(folder, institution="Measured", aet="NODE", dicom=ANYWHERE, network=ANYWHERE)
        )
        if started is not None:
            config = replace(config, database_url=started.url)
        result: dict[str, Any] = {"studies": options.studies}
        if not exists or started is not None:
            database = Database.open(config.database_url)
            result["recorded_a_second"] = round(fill(Catalog(database), options.studies, options.seed))
            database.close()
        result |= asyncio.run(measure(config, options.studies, options.seed, everything=options.everything))
    result["at_most"] = AT_MOST
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
