"""`python -m tools.interop`: the interoperability matrix, with every other software that is installed.

`tools/setup interop` installs what Debian and npm have. Exit status 1 when a cell fails that should work.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pydicom

from tools.dcmtk import StoreScp
from tools.idas import Node
from tools.images import StudyFiles, shipped
from tools.interop import providers, users
from tools.interop.cells import Cell, printed
from tools.interop.users import Scene
from tools.orthanc import Orthanc
from tools.programs import LOOPBACK, wait_until

SHOWN = ("CT_small.dcm",)  # of pydicom's own images: in the archive
STORED = ("MR_small.dcm",)  # stored to the node
HARVEST_TIMEOUT = 60.0  # seconds
SOFTWARE = (*users.CANNOT_DO, "Orthanc")


def main() -> None:
    """Print the matrix."""
    parser = argparse.ArgumentParser(prog="python -m tools.interop", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SOFTWARE, metavar="NAME", help=f"of {', '.join(SOFTWARE)}")
    parser.add_argument("--json", action="store_true", help="one JSON document: cells")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cells = matrix(Path(folder), args.only or SOFTWARE)
    print(json.dumps({"cells": [asdict(one) for one in cells]}, indent=2) if args.json else printed(cells))
    sys.exit(any(one.is_failure for one in cells))


def matrix(folder: Path, wanted: Sequence[str]) -> list[Cell]:
    """Try everything that is wanted."""
    shown, stored = shipped(*SHOWN)[0], shipped(*STORED)[0]
    node = Node(folder / "node", institution="Interoperability", aet="NODE")
    workstation = StoreScp(folder / "workstation", aet="WS")
    archive = Orthanc(folder / "orthanc", modalities={"NODE": (LOOPBACK, node.dicom_port)})
    for program in (node, workstation, archive):
        program.start()
    try:
        archive.fill(shown.files)
        node.do("workstation add", "--aet", "WS", "--address", f"{LOOPBACK}:{workstation.port}")
        node.do(
            "archive add",
            "front",
            "--aet",
            archive.aet,
            "--address",
            f"{LOOPBACK}:{archive.dicom_port}",
            "--poll",
            "1s",
        )
        wait_until(lambda: node.ask("studies")["studies"], timeout=HARVEST_TIMEOUT, what="the first harvest")
        scene = _scene(node, workstation, shown, stored, folder)
        return [*users.cells(scene, wanted), *providers.cells(node, archive, shown, stored, folder, wanted)]
    finally:
        for program in (node, workstation, archive):
            program.stop()


def _scene(node: Node, workstation: StoreScp, shown: StudyFiles, stored: StudyFiles, folder: Path) -> Scene:
    def received() -> int:
        count = len(workstation.received())
        workstation.forget()
        return count

    head = pydicom.dcmread(shown.files[0], stop_before_pixels=True)
    return Scene(
        port=node.dicom_port,
        aet=node.aet,
        calling="WS",
        destination="WS",
        destination_port=workstation.port,
        received=received,
        patient_id=str(head.PatientID),
        study_uid=shown.study_uid,
        series_uid=str(head.SeriesInstanceUID),
        images=len(shown.files),
        files=stored.files,
        folder=folder / "users",
    )


if __name__ == "__main__":
    main()
