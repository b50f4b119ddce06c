"""Two nodes of one region on this machine, a study at the one, found by the other: what small measurements need."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.idas import Node
from tools.images import StudyFiles
from tools.region import Region, wait_for_study

IDLE_TIMEOUT = 15.0  # seconds
IDLE_WINDOW = 0.3  # seconds for which each node is watched
IDLE_PERCENT = 10.0  # of one processor, all nodes together
FIND_TIMEOUT = 900.0  # seconds; a study of gigabytes must be read once before it is offered


@dataclass(frozen=True, slots=True)
class Pair:
    """Anna holds the study, Berg wants it."""

    region: Region
    anna: Node
    berg: Node
    study: StudyFiles

    def forget(self) -> None:
        """Start both anew, without what they kept of earlier transfers."""
        for node in (self.anna, self.berg):
            start_cold(node)
        wait_for_all(self.berg, self.study)
        wait_idle((self.anna, self.berg))


@contextmanager
def pair(folder: Path, study: StudyFiles, *, archive: str, log_level: str = "info") -> Iterator[Pair]:
    """Two nodes.

    Args:
        folder: gets theirs.
        study: in a folder of its own.
        archive: "folder", where the files lie; or "orthanc", which is filled with them and asked by its fastest way.
        log_level: of both.
    """
    with Region(folder / "region", log_level=log_level) as region:
        anna, berg = region.node("anna"), region.node("berg")
        if archive == "orthanc":
            region.orthanc(anna, study.files, prefer="fastest")
        else:
            region.shelf(anna, study.files[0].parent)
        wait_for_all(berg, study)
        yield Pair(region, anna, berg, study)


def start_cold(node: Node) -> None:
    """Start a node anew, without what it kept of earlier transfers."""
    node.stop()
    shutil.rmtree(node.folder / "spool", ignore_errors=True)
    node.start()


def wait_idle(nodes: Iterable[Node]) -> None:
    """Wait until nodes that have just started have done what follows a start, or until IDLE_TIMEOUT.

    A start reads the archive and publishes what it holds; the one who runs right after it would pay for that.
    """
    deadline = time.monotonic() + IDLE_TIMEOUT
    processes = [psutil.Process(node.program.pid) for node in nodes]
    while time.monotonic() < deadline:
        if sum(process.cpu_percent(IDLE_WINDOW) for process in processes) < IDLE_PERCENT:
            return


def wait_for_all(node: Node, study: StudyFiles, *, holders: int = 1) -> None:
    """Wait until the node finds the study with every instance, which a holder that still reads does not offer.

    Raises:
        TimeoutError: not within FIND_TIMEOUT.
    """
    wait_for_study(node, study.study_uid, timeout=FIND_TIMEOUT, instances=len(study.files), holders=holders)
