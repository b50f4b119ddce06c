"""What the audit log costs: python -m tools.measure_audit [--records N] [--json].

Processor time of writing one record, of finding a patient's records among all, and of verifying; wall time of waiting
for the disk, alone and with fifty waiting together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from idas_p2p.access.audit.events import Actor, Device, queried, shown, subject
from idas_p2p.access.audit.search import Wanted
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.node.audit_questions import verify, who_saw
from idas_p2p.node.audit_settings import AuditSettings
from idas_p2p.node.auditing import Auditor
from idas_p2p.wire.audit import By, Event, Side
from idas_p2p.wire.query import StudyQuery

ACTOR = Actor(side=Side.REQUESTER, user="dr-lee", by=By.PASSWORD, device=Device("VIEWER", "192.0.2.20"))


def query_of(number: int) -> list[Event]:
    """A query and the one study it showed."""
    one = subject(f"1.2.826.0.1.3680043.8.498.{number:020}", f"PATIENT{number:08}", "CITY HOSPITAL")
    return [queried(ACTOR, StudyQuery.of({"PatientID": one.patient_id})), *shown(ACTOR, [one], level="full")]


def list_of(size: int) -> list[Event]:
    """What a query that showed so many studies adds."""
    return list(shown(ACTOR, [subject(f"1.2.826.0.1.3680043.8.498.{n:020}", f"PATIENT{n:08}") for n in range(size)]))


async def measure(records: int) -> dict[str, Any]:
    """Every figure, by name."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        key = SigningKey.generate()
        auditor = Auditor(
            Path(folder),
            key,
            clock=SystemClock(),
            random_bytes=random_bytes,
            settings=AuditSettings(),
            run=asyncio.to_thread,
        )
        events = [event for number in range(records // 2) for event in query_of(number)]
        figures: dict[str, Any] = {"records": len(events)}
        figures["us_per_record"] = 1e6 * _processor(lambda: _note(auditor, events)) / len(events)
        figures["bytes_per_record"] = auditor.bytes_used() / len(events)
        before, listed = auditor.bytes_used(), list_of(6_400)
        figures["us_per_study_listed"] = 1e6 * _processor(lambda: _note(auditor, listed)) / 6_400
        figures["bytes_per_study_listed"] = (auditor.bytes_used() - before) / 6_400
        figures["ms_for_the_disk"] = 1_000 * min([await _waited(auditor, 1) for _ in range(10)])
        figures["ms_for_the_disk_fifty_together"] = 1_000 * min([await _waited(auditor, 50) for _ in range(10)])
        wanted = Wanted(patient_id=f"PATIENT{records // 4:08}")
        figures["s_who_saw"] = _processor(lambda: who_saw(auditor.folder, wanted))
        figures["s_verify"] = _processor(lambda: verify(auditor.folder, key.node_id))
        auditor.close()
    return {name: round(value, 3) for name, value in figures.items()}


def _note(auditor: Auditor, events: list[Event]) -> None:
    for event in events:
        auditor.note(event)


def _processor(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


async def _waited(auditor: Auditor, together: int) -> float:
    async def one() -> None:
        auditor.note(query_of(1)[0])
        await auditor.settled()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(together)))
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = asyncio.run(measure(args.records))
    print(json.dumps(figures) if args.json else "\n".join(f"{name:32} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
