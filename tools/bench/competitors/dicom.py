"""Plain DICOM over the line: storescu, one Orthanc storing to another, and C-MOVE at the far archive."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.bench.competitors.base import NODE_TO_NODE, WHOLE_WAY, Changed, Competitor, Run, images_of
from tools.bench.course import Course
from tools.bench.first import FirstFile
from tools.dcmtk import Peer
from tools.orthanc import Orthanc

PATIENCE = 3_600.0  # seconds; a study on a slow line, image by image


class StoreThere(Competitor):
    """Those who store into the practice's archive."""

    against = NODE_TO_NODE

    def prepare(self, latest: Mapping[str, Run]) -> None:
        """Empty the practice's archive."""
        with self.course.practice.inside():
            self.course.archive.delete_study(self.course.study.study_uid)

    def check(self) -> None:
        """Compare what lies in the practice's archive with the files."""
        with self.course.practice.inside():
            stored = _stored_images(self.course.archive, self.course.folder / "stored")
        if stored != images_of(self.course.study.files):
            raise Changed(f"{len(stored)} images in the practice's archive, not all as they were sent")


class StoreScu(StoreThere):
    """DCMTK's storescu at the hospital."""

    name, words = "storescu", "DCMTK storescu to Orthanc"

    def move(self) -> Run:
        """Send the files."""
        archive = self.course.archive
        peer = Peer(port=archive.dicom_port, aet=archive.aet, calling="HOSPITAL", host=archive.host)
        with self.course.hospital.inside():
            ended = peer.run("storescu", "-R", "--", *map(str, self.course.study.files), timeout=PATIENCE)
        if ended.status:
            raise Changed(f"storescu ended with status {ended.status}")
        return Run()


class OrthancStore(StoreThere):
    """The hospital's Orthanc stores to the practice's."""

    name, words = "orthanc-store", "Orthanc to Orthanc, C-STORE"

    def __init__(self, course: Course) -> None:
        super().__init__(course)
        with course.hospital.inside():
            found = ask(course.pacs, "/tools/lookup", course.study.study_uid.encode())
        (self._study,) = (item["ID"] for item in found if item["Type"] == "Study")

    def move(self) -> Run:
        """Let the one store to the other and wait for it."""
        order = json.dumps({"Resources": [self._study], "Synchronous": True}).encode()
        with self.course.hospital.inside():
            ask(self.course.pacs, f"/modalities/{self.course.archive.aet}/store", order)
        return Run()


class DirectMove(Competitor):
    """The workstation's C-MOVE straight to the hospital's archive, which stores over the line."""

    name, words, against = "movescu", "C-MOVE straight from the far archive", WHOLE_WAY

    def prepare(self, latest: Mapping[str, Run]) -> None:
        """Empty the workstation."""
        self.course.viewer.forget()

    def move(self) -> Run:
        """C-MOVE to the workstation."""
        pacs = self.course.pacs
        return move_to_viewer(self.course, Peer(port=pacs.dicom_port, aet=pacs.aet, calling="VIEWER", host=pacs.host))

    def check(self) -> None:
        """Compare every data set with what the archive gives on its own network."""
        self.course.check(self.course.viewer.received())


def move_to_viewer(course: Course, peer: Peer) -> Run:
    """C-MOVE of the study from `peer` to the workstation; notes when the first image lay there."""
    smallest = min(encoded.size for encoded in course.expected.values())
    folder = course.viewer.received_folder
    with course.practice.inside(), FirstFile(folder, size=smallest, clock=time.monotonic) as first:
        ended = peer.move(course.study.study_uid, to=course.viewer.aet, timeout=PATIENCE)
    if ended.status:
        raise Changed(f"movescu ended with status {ended.status}")
    return Run(first_image=first.seconds)


def ask(orthanc: Orthanc, path: str, body: bytes | None = None) -> Any:
    """One request to Orthanc's REST interface: POST with a body, GET without."""
    request = urllib.request.Request(f"http://{orthanc.host}:{orthanc.http_port}{path}", data=body)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - http to our own process
        return json.loads(answer.read())


def _stored_images(orthanc: Orthanc, folder: Path) -> dict[str, tuple[Any, ...]]:
    folder.mkdir(exist_ok=True)
    path = folder / "image.dcm"
    images: dict[str, tuple[Any, ...]] = {}
    for identifier in ask(orthanc, "/instances"):
        url = f"http://{orthanc.host}:{orthanc.http_port}/instances/{identifier}/file"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            path.write_bytes(answer.read())
        images |= images_of([path])
    return images
