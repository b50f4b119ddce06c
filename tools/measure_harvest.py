"""How fast an archive is read, beside a bare C-FIND of the same studies in the same run.

    python -m tools.measure_harvest [--studies 1800] [--rounds 3] [--seed 1] [--dicomweb]

Fills an Orthanc with made-up studies of one small image each. Bare: pynetdicom, one C-FIND at STUDY level for
everything, every answer read. Ours: the first harvest of a fresh catalog by windows of dates, with the index terms of
every study after it, then the harvest again of the unchanged archive. Prints JSON: studies a second of wall time (the
best round of each), the ratio of both, and what looking again costs beside the first, in wall and processor time.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import io
import json
import random
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage
from pynetdicom import AE
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from idas_p2p.clock import SystemClock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.silence import silence
from idas_p2p.node.drafts import Sayings
from idas_p2p.node.harvest import Harvester
from idas_p2p.node.sources import Sources
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore
from idas_p2p.store.settings import Archive
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address
from idas_p2p.wire.study import KEYWORDS
from tools.orthanc import Orthanc

AET = "IDAS"
FAMILIES = ("MEIER", "ROSSI", "SMITH", "MÜLLER", "GARCIA", "NOVAK", "DUBOIS", "KOWALSKI", "JANSEN", "LARSEN")
YEARS = 12


def made_up(number: int, chance: random.Random) -> bytes:
    """A Part 10 file: one image of a study of its own."""
    ds = Dataset()
    day = datetime.date(2026, 6, 30) - datetime.timedelta(days=chance.randrange(365 * YEARS))
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = UltrasoundImageStorage
    ds.SOPInstanceUID = f"1.2.826.0.1.{number}.1.1"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = f"{day:%Y%m%d}", "101500", f"A{number:07}"
    ds.Modality, ds.StudyDescription = "US", "ABDOMEN"
    ds.ReferringPhysicianName = f"{chance.choice(FAMILIES)}^DOC"
    ds.PatientName = f"{chance.choice(FAMILIES)}^{chance.randrange(10_000)}"
    ds.PatientID, ds.PatientBirthDate, ds.PatientSex = f"P{number % 1_300:06}", "19700101", "O"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.826.0.1.{number}", f"1.2.826.0.1.{number}.1"
    ds.StudyID = str(number)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def fill(pacs: Orthanc, count: int, chance: random.Random) -> None:
    """Store the studies over Orthanc's REST interface."""
    url = f"http://{pacs.host}:{pacs.http_port}/instances"

    def post(body: bytes) -> None:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=60) as answer:
            answer.read()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(post, [made_up(number, chance) for number in range(1, count + 1)]))


def bare_find(pacs: Orthanc) -> int:
    """Every study, by pynetdicom alone; how many came."""
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    for keyword in KEYWORDS:
        setattr(asked, keyword, "")
    entity = AE(ae_title=AET)
    entity.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    link = entity.associate(pacs.host, pacs.dicom_port, ae_title=pacs.aet)
    answers = link.send_c_find(asked, StudyRootQueryRetrieveInformationModelFind)
    count = sum(identifier is not None for _, identifier in answers)
    link.release()
    return count


class Reader:
    """A fresh catalog and what reads the archive into it."""

    def __init__(self, folder: Path, archive: Archive, bridge: Bridge) -> None:
        folder.mkdir()
        self._database = Database.open(f"sqlite:///{folder}/node.db")
        self.catalog, clock = Catalog(self._database), SystemClock()
        objects = ObjectStore(folder / "objects", self._database)
        sources = Sources(AET, objects, bridge=bridge, inbound=Inbound(), receive_folder=folder, clock=clock)
        sources.configure([archive])
        source = sources.get(archive.name)
        assert source is not None
        self._archive, self._source, self._clock = archive, source, clock
        self._harvester = Harvester(sources, self.catalog, clock=clock, tasks=TaskOwner(limit=1))

    async def read(self) -> None:
        """One harvest."""
        await self._harvester.harvest(self._archive, self._source)

    def index(self) -> int:
        """The index terms of what is to be published; how many."""
        sayings = Sayings()
        for publication in self.catalog.pending(1_000_000, now=self._clock.now()):
            sayings.add(publication)
        return len(sayings.by_term)

    def close(self) -> None:
        """Close the catalog."""
        self._database.close()


async def measure(folder: Path, *, studies: int, rounds: int, seed: int, dicomweb: bool) -> dict[str, Any]:
    """Fill an archive, and read it in each way."""
    silence()
    pacs = Orthanc(folder / "pacs", modalities={})
    pacs.start()
    bridge = Bridge(threads=8)
    archive = Archive(name="pacs", aet=pacs.aet, address=Address(pacs.host, pacs.dicom_port))
    if dicomweb:
        archive = Archive(name="pacs", kind="dicomweb", dicomweb=pacs.web_url)
    names = ("bare", "bare_processor", "first", "first_processor", "again", "again_processor")
    found: dict[str, list[float]] = {name: [] for name in names}
    terms = 0
    try:
        await asyncio.to_thread(fill, pacs, studies, random.Random(seed))  # noqa: S311 - made up, not secret
        for number in range(rounds):
            begin, used = time.perf_counter(), time.process_time()
            assert await asyncio.to_thread(bare_find, pacs) == studies
            found["bare"].append(time.perf_counter() - begin)
            found["bare_processor"].append(time.process_time() - used)
            reader = Reader(folder / f"round-{number}", archive, bridge)
            try:
                begin, used = time.perf_counter(), time.process_time()
                await reader.read()
                terms = reader.index()
                found["first"].append(time.perf_counter() - begin)
                found["first_processor"].append(time.process_time() - used)
                assert sum(count.studies for count in reader.catalog.counts()) == studies
                begin, used = time.perf_counter(), time.process_time()
                await reader.read()
                found["again"].append(time.perf_counter() - begin)
                found["again_processor"].append(time.process_time() - used)
            finally:
                reader.close()
    finally:
        await bridge.close()
        pacs.stop()
    return _report(studies, terms, found)


def _report(studies: int, terms: int, found: dict[str, list[float]]) -> dict[str, Any]:
    best = {name: min(seconds) for name, seconds in found.items()}
    return {
        "studies": studies,
        "index_terms": terms,
        "bare_studies_a_second": round(studies / best["bare"]),
        "harvest_studies_a_second": round(studies / best["first"]),
        "ratio": round(best["bare"] / best["first"], 2),
        "ratio_of_processor": round(best["bare_processor"] / best["first_processor"], 2),
        "again_share": round(best["again"] / best["first"], 3),
        "again_share_of_processor": round(best["again_processor"] / best["first_processor"], 3),
        "seconds": {name: [round(value, 3) for value in values] for name, values in found.items()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--studies", type=int, default=1_800)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dicomweb", action="store_true", help="ours by QIDO-RS instead of C-FIND")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="idas-harvest-") as folder:
        found = measure(
            Path(folder),
            studies=options.studies,
            rounds=options.rounds,
            seed=options.seed,
            dicomweb=options.dicomweb,
        )
        print(json.dumps(asyncio.run(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
