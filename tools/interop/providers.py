"""Other software as service class provider: the node asks it, as its archive or as its workstation.

Belongs here: starting each, and what the node's own commands make of it. Not here: the node (__main__.py).
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

from tools.dcmqrscp import Dcmqrscp
from tools.idas import Node
from tools.images import StudyFiles
from tools.interop.cells import ABSENT, OPERATIONS, Cell, Failed, tried
from tools.interop.users import drivers
from tools.orthanc import Orthanc
from tools.programs import LOOPBACK, Program, answers, free_port, wait_until

HARVEST_TIMEOUT: Final = 30.0  # seconds
ARCHIVE: Final = ("echo", "find study", "find series", "find image", "move", "get")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Provider:
    """One program that listens."""

    peer: str
    aet: str
    port: int
    operations: tuple[str, ...]  # that it offers
    received: Callable[[], int]  # images it has been sent


def cells(
    node: Node, orthanc: Orthanc, shown: StudyFiles, stored: StudyFiles, folder: Path, wanted: Container[str]
) -> Iterator[Cell]:
    """Every wanted provider, every operation."""
    with ExitStack() as stack:
        starts: dict[str, Callable[[], Provider]] = {
            "Orthanc": partial(_orthanc, orthanc),
            "DCMTK": partial(_dcmqrscp, node, shown, folder, stack),
            "PixelMed": partial(_receiver, "PixelMed", folder, stack),
            "dcmjs-dimse": partial(_receiver, "dcmjs-dimse", folder, stack),
        }
        for peer in (peer for peer in starts if peer in wanted):
            program = drivers()[peer][0] if peer in drivers() else ""
            if program and shutil.which(program) is None:
                yield from (Cell(peer, "SCP", operation, ABSENT) for operation in OPERATIONS)
            else:
                yield from _of(node, starts[peer](), shown, stored)


def _orthanc(orthanc: Orthanc) -> Provider:
    """The archive that the node stands before."""
    return Provider("Orthanc", orthanc.aet, orthanc.dicom_port, (*ARCHIVE, "store", "commit"), orthanc.study_count)


def _of(node: Node, provider: Provider, shown: StudyFiles, stored: StudyFiles) -> Iterator[Cell]:
    name = f"peer{next(_numbers)}"
    listed = cache(partial(_listed, node, name))
    attempts: dict[str, Callable[[], object]] = {
        "echo": partial(_check, node, name, provider),
        "find study": partial(_harvested, node, name),
        "find series": listed,
        "find image": listed,
        "move": partial(_got, node, shown, "move", name, provider),
        "get": partial(_got, node, shown, "get", name, provider),
        "store": partial(_sent, node, stored, provider),
        "commit": partial(_committed, node, stored, name),
    }
    for operation in OPERATIONS:
        attempt = attempts.get(operation) if operation in provider.operations else None
        yield tried(provider.peer, "SCP", operation, attempt)


def _check(node: Node, name: str, provider: Provider) -> None:
    _configured(node, name, provider, "fastest")
    node.do("archive check", name)


def _configured(node: Node, name: str, provider: Provider, prefer: str) -> None:
    where = f"{LOOPBACK}:{provider.port}"
    node.do("archive add", name, "--aet", provider.aet, "--address", where, "--poll", "1s", "--prefer", prefer)


def _harvested(node: Node, name: str) -> None:
    def state() -> bool:
        rows = {one["name"]: one for one in node.ask("status")["archives"]}
        return bool(rows[name]["state"] == "ok" and rows[name]["studies"])

    wait_until(state, timeout=HARVEST_TIMEOUT, what="a harvest")


def _listed(node: Node, name: str) -> None:
    """Series and images of a study, which the doctor asks an archive for before it has one image sent."""
    done = node.try_idas("doctor", str(node.folder), "--json")  # status 1: it finds faults elsewhere, and should
    looked = [one for one in json.loads(done.stdout)["findings"] if one["part"] == f"archive {name}"]
    if [one["verdict"] for one in looked] != ["good"]:
        raise Failed("; ".join(one["said"] for one in looked) or "not looked at")


def _got(node: Node, shown: StudyFiles, prefer: str, name: str, provider: Provider) -> None:
    """A study out of the archive, by one way."""
    _configured(node, name, provider, prefer)
    out = node.folder.parent / f"out{next(_numbers)}"
    told = node.ask("get", shown.study_uid, "--out", str(out))
    if told["instances"] != len(shown.files) or told["failed"]:
        raise Failed(f"{told['instances']} of {len(shown.files)} images")


def _sent(node: Node, stored: StudyFiles, provider: Provider) -> None:
    """A study to it, as to a workstation."""
    node.do("workstation add", "--aet", provider.aet, "--address", f"{LOOPBACK}:{provider.port}")
    told = node.ask("get", stored.study_uid, "--to", provider.aet)
    if told["instances"] != len(stored.files) or not provider.received():
        raise Failed(f"{told['instances']} of {len(stored.files)} images sent")


def _committed(node: Node, stored: StudyFiles, name: str) -> None:
    """It answers for what it was sent, which the node's own archive holds too."""
    node.do("archive commit", name, stored.study_uid)


def _dcmqrscp(node: Node, shown: StudyFiles, folder: Path, stack: ExitStack) -> Provider:
    """DCMTK's archive, with the study in it."""
    archive = Dcmqrscp(folder / "dcmqrscp", node_port=node.dicom_port, node_aet=node.aet)
    archive.fill(shown.files)
    archive.start()
    stack.callback(archive.stop)
    return Provider("DCMTK", archive.aet, archive.port, (*ARCHIVE, "store"), lambda: 1)


def _receiver(peer: str, folder: Path, stack: ExitStack) -> Provider:
    """A program of ours around a library, that only receives."""
    aet, port, kept = peer.upper().replace("-", "_")[:16], free_port(), folder / f"kept-{peer}"
    kept.mkdir()
    command = [*drivers()[peer], "listen", LOOPBACK, str(port), "NODE", aet, str(kept)]
    program = stack.enter_context(Program(f"scp-{peer}", command, log=folder / "logs"))
    program.start(lambda: answers(port), timeout=60.0)
    return Provider(peer, aet, port, ("echo", "store"), lambda: len(list(kept.iterdir())))
