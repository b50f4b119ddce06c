"""Other software as service class user: it asks a node that stands before an archive.

Belongs here: how each program is told to do each operation. Not here: the node (__main__.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tools.dcmtk import find_program
from tools.interop.cells import BROKEN, OPERATIONS, TIMEOUT, Cell, Failed, tried

DRIVERS: Final = Path(__file__).parent / "drivers"
JARS: Final = [f"/usr/share/java/{name}.jar" for name in ("pixelmed", "commons-codec", "vecmath", "jmdns")]
DEBIAN_PYTHON: Final = "/usr/bin/python3"  # the one that python3-odil belongs to


@dataclass(frozen=True, slots=True)
class Scene:
    """A node, what it shows, and where it moves to."""

    port: int
    aet: str  # the node's
    calling: str  # ours, known to the node
    destination: str  # AE title of the workstation that receives C-MOVEs
    destination_port: int
    received: Callable[[], int]  # images it has; forgets them
    patient_id: str
    study_uid: str
    series_uid: str
    images: int  # of the study
    files: tuple[Path, ...]  # to store
    folder: Path  # for what a program writes


def drivers() -> dict[str, list[str]]:
    """The command that begins each program of ours around a library; OP HOST PORT CALLING CALLED ARGS follow."""
    return {
        "pynetdicom": [sys.executable, str(DRIVERS / "pynetdicom_driver.py")],
        "PixelMed": ["java", "-Djava.awt.headless=true", "-cp", os.pathsep.join(JARS), str(DRIVERS / "pixelmed.java")],
        "dcmjs-dimse": ["node", str(DRIVERS / "dimse.js")],
        "odil": [DEBIAN_PYTHON, str(DRIVERS / "odil_driver.py")],
    }


CANNOT_DO: Final = {
    "pynetdicom": (),
    "PixelMed": ("get", "commit"),  # it has a C-GET, which needs a set of transfer syntaxes it does not document
    "dcmjs-dimse": ("commit",),
    "odil": ("commit",),
    "DCMTK": ("commit",),
    "GDCM": ("get", "commit"),
}


def cells(scene: Scene, wanted: Container[str]) -> Iterator[Cell]:
    """Every wanted user, every operation."""
    for peer in (peer for peer in CANNOT_DO if peer in wanted):
        run = partial(_by_driver, drivers()[peer]) if peer in drivers() else {"DCMTK": _dcmtk, "GDCM": _gdcm}[peer]
        if peer == "GDCM" and not _gdcm_runs(scene):
            yield from (Cell(peer, "SCU", operation, BROKEN) for operation in OPERATIONS)
            continue
        for operation in OPERATIONS:
            attempt = None if operation in CANNOT_DO[peer] else partial(_attempt, run, scene, operation)
            yield tried(peer, "SCU", operation, attempt)


def _attempt(run: Callable[[Scene, str], int | None], scene: Scene, operation: str) -> None:
    """Have it done, and count what came of it."""
    scene.received()
    count = run(scene, operation)
    wanted = {"find image": scene.images, "get": scene.images, "store": len(scene.files), "commit": len(scene.files)}
    if operation == "move" and (arrived := scene.received()) != scene.images:
        raise Failed(f"{arrived} of {scene.images} images arrived")
    if count is not None and operation != "move" and count < wanted.get(operation, 1):
        raise Failed(f"{count} of {wanted.get(operation, 1)}")


def _level(scene: Scene, operation: str) -> tuple[str, str]:
    """Level and key of a query for a driver."""
    level = operation.removeprefix("find ").upper()
    keys = {"PATIENT": scene.patient_id, "IMAGE": f"{scene.study_uid},{scene.series_uid}"}
    return level, keys.get(level, scene.study_uid)


def _by_driver(command: Sequence[str], scene: Scene, operation: str) -> int:
    files = [str(file) for file in scene.files]
    words = {
        "move": [scene.study_uid, scene.destination],
        "get": [scene.study_uid],
        "store": files,
        "commit": files,
    }
    args = list(_level(scene, operation)) if operation.startswith("find") else words.get(operation, [])
    op = operation.partition(" ")[0]
    said = _run([*command, op, "127.0.0.1", str(scene.port), scene.calling, scene.aet, *args])
    count = re.search(r"^COUNT (\d+)$", said, re.MULTILINE)
    return int(count.group(1)) if count else 0


def _dcmtk(scene: Scene, operation: str) -> int | None:
    level, uid = _level(scene, operation) if operation.startswith("find") else ("STUDY", scene.study_uid)
    study = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={scene.study_uid}"]
    keys = {
        "PATIENT": ["-k", f"PatientID={uid}"],
        "SERIES": ["-k", f"StudyInstanceUID={uid}", "-k", "SeriesInstanceUID"],
        "IMAGE": [*study[2:], "-k", f"SeriesInstanceUID={scene.series_uid}", "-k", "SOPInstanceUID"],
    }
    folder = _empty(scene.folder / "got")
    programs = {
        "echo": ["echoscu"],
        "move": ["movescu", "-S", "-aem", scene.destination, *study],
        "get": ["getscu", "-S", "-od", str(folder), *study],
        "store": ["storescu"],
    }
    root = "-P" if level == "PATIENT" else "-S"
    query = ["findscu", root, "-k", f"QueryRetrieveLevel={level}", *keys.get(level, study[2:])]
    program, *words = programs.get(operation, query)
    after = [str(file) for file in scene.files] if operation == "store" else []
    where = ["-aet", scene.calling, "-aec", scene.aet, *words, "127.0.0.1", str(scene.port), *after]
    said = _run([find_program(program) or program, *where])
    if operation == "get":
        return len(list(folder.iterdir()))
    return len(re.findall(r"Find Response: \d+ \(Pending\)", said)) if operation.startswith("find") else None


def _gdcm(scene: Scene, operation: str) -> int | None:
    base = ["gdcmscu", "--aetitle", scene.calling, "--call", scene.aet]
    where = ["127.0.0.1", str(scene.port)]
    if operation == "echo":
        _run([*base, "--echo", *where])
    elif operation == "store":
        for file in scene.files:
            _run([*base, "--store", *where, str(file)])
    elif operation == "move":
        # GDCM takes what comes at a port of its own; here the workstation does
        _run([*base, "--move", "--studyroot", "--study", "--key", f"20,d={scene.study_uid}", "--port-scp", "0", *where])
    else:
        level, uid = _level(scene, operation)
        keys = {
            "PATIENT": [f"10,20={uid}"],
            "SERIES": [f"20,d={uid}", "20,e="],
            "IMAGE": [f"20,d={scene.study_uid}", f"20,e={scene.series_uid}", "8,18="],
        }.get(level, [f"20,d={uid}"])
        root = "--patientroot" if level == "PATIENT" else "--studyroot"
        words = [word for key in keys for word in ("--key", key)]
        said = _run([*base, "--find", root, f"--{level.lower()}", *words, *where, "-V"])
        found = (
            "0010,0020" if level == "PATIENT" else {"STUDY": "0020,000d", "SERIES": "0020,000e"}.get(level, "0008,0018")
        )
        return len(re.findall(rf"\({found}\)", said))
    return None


def _gdcm_runs(scene: Scene) -> bool:
    """Whether it can echo DCMTK's storescp: some builds abort as soon as they are connected, to whomever."""
    if shutil.which("gdcmscu") is None:
        return True  # and each cell says that it is not installed
    try:
        _run(["gdcmscu", "--echo", "--call", scene.destination, "127.0.0.1", str(scene.destination_port)])
    except Failed:
        return False
    return True


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _run(command: Sequence[str]) -> str:
    """Run a program to its end and return what it said."""
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
    said = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode:
        raise Failed(said[-300:] or f"exit status {done.returncode}")
    return said
