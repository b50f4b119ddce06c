"""The course that all competitors run: two hospitals, a study in one, and the line between them.

Belongs here: what is set up once, and what is put back before each run. Not here: what a competitor does
(competitors/), who runs when (rounds.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.dcmtk import Peer, StoreScp
from tools.dcmtk import missing as missing_programs
from tools.idas import Node
from tools.images import Encoded, StudyFiles
from tools.lab import Lab, Wan, why_not
from tools.orthanc import DICOMWEB_PLUGIN, Orthanc, find_orthanc
from tools.pair import start_cold, wait_idle
from tools.programs import LOOPBACK
from tools.region import Region, wait_for_study

LINE_DEVICES = ("wan",)  # how the laboratory names its links
LOOPBACK_DEVICES = ("lo",)


class Changed(Exception):
    """A competitor lost or changed an image; the message tells what arrived."""


class Place(Protocol):
    """Where a hospital's programs run."""

    @property
    def address(self) -> str:
        """Where the others reach it."""

    def inside(self) -> AbstractContextManager[None]:
        """Let this thread, and the processes it starts meanwhile, live there."""


class ThisMachine:
    """Both hospitals on this machine's own loopback, which carries other programs' bytes too."""

    address = LOOPBACK

    def inside(self) -> AbstractContextManager[None]:
        """Stay here."""
        return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Two hospitals, set up once; every competitor moves the same study over the same line."""

    folder: Path
    hospital: Place  # has the study
    practice: Place  # wants it
    pacs: Orthanc  # the hospital's archive
    archive: Orthanc  # the practice's, for those that store there
    anna: Node  # the hospital's node
    berg: Node  # the practice's node
    viewer: StoreScp  # the practice's workstation
    study: StudyFiles
    expected: Mapping[str, Encoded]  # what the hospital's archive gives by C-GET on its own network
    wan: Wan | None  # None on loopback
    devices: tuple[str, ...]  # how the names of the line's devices begin; none when they carry other things too

    def forget_at_nodes(self) -> None:
        """Make every run the first: both nodes start anew, without what they kept of earlier transfers."""
        for place, node in ((self.hospital, self.anna), (self.practice, self.berg)):
            with place.inside():
                start_cold(node)
        with self.practice.inside():
            wait_for_study(self.berg, self.study.study_uid)
        wait_idle((self.anna, self.berg))

    def check(self, received: Mapping[str, Encoded]) -> None:
        """See that the study came, every data set as the hospital's archive has it or as it sends it.

        Raises:
            Changed: one is missing or differs.
        """
        stored = self.study.encoded()
        same = sum(encoded in (self.expected.get(uid), stored.get(uid)) for uid, encoded in received.items())
        if same < len(stored) or len(received) > same:
            raise Changed(f"{same} of {len(stored)} data sets arrived as they are in the archive")

    def line_bytes(self) -> int | None:
        """Bytes that the line has carried so far, both directions, headers included; None when nobody counts them."""
        if not self.devices:
            return None
        with self.practice.inside():
            counted = bytes_of_devices(Path("/proc/thread-self/net/dev").read_text(), self.devices)
        return counted // 2 if self.devices == LOOPBACK_DEVICES else counted  # on loopback what leaves also arrives


def bytes_of_devices(table: str, prefixes: tuple[str, ...]) -> int:
    """Bytes received and sent so far on the devices whose names begin so; proc(5), net/dev."""
    fields = [line.split(":")[1].split() for line in table.splitlines() if line.strip().startswith(prefixes)]
    return sum(int(words[0]) + int(words[8]) for words in fields)


def why_no_course(*, on_loopback: bool, needs_web: bool) -> str | None:
    """What is missing here, in one sentence; None when there can be a course."""
    absent = [*missing_programs(), *([] if find_orthanc() else ["Orthanc"])]
    if needs_web and not DICOMWEB_PLUGIN.exists():
        absent.append("Orthanc's DICOMweb plugin")
    if absent:
        return f"not installed: {', '.join(absent)}; `tools/setup system` installs them"
    return None if on_loopback else why_not()


@contextmanager
def course(folder: Path, study: StudyFiles, wan: Wan | None, *, archive_way: str) -> Iterator[Course]:
    """Two hospitals, the study in one, found by the other.

    Args:
        folder: gets everything.
        study: goes into the hospital's archive.
        wan: the line between them; None is this machine's loopback.
        archive_way: how our node asks that archive, `idas archive add --prefer`.
    """
    with ExitStack() as stack:
        hospital, practice, devices = _places(stack, wan)
        viewer = StoreScp(folder / "viewer", aet="VIEWER", host=practice.address)
        stack.callback(viewer.stop)
        archive = Orthanc(folder / "archive", modalities={}, aet="ARCHIVE", host=practice.address)
        stack.callback(archive.stop)
        with practice.inside():
            viewer.start()
            archive.start()
        with hospital.inside():
            region = stack.enter_context(Region(folder / "region", host=hospital.address, log_level="info"))
            anna = region.node("anna", host=hospital.address)
            known = {"VIEWER": (viewer.host, viewer.port), "ARCHIVE": (archive.host, archive.dicom_port)}
            pacs = region.orthanc(anna, study.files, modalities=known, prefer=archive_way)
            asked = Peer(port=pacs.dicom_port, aet=pacs.aet, calling="VIEWER", host=pacs.host)
            _, expected = asked.get(study.study_uid, folder / "expected")
        with practice.inside():
            berg = region.node("berg", host=practice.address)
            berg.do("workstation add", "--aet", viewer.aet, "--address", f"{viewer.host}:{viewer.port}")
            wait_for_study(berg, study.study_uid)
        yield Course(
            folder=folder, hospital=hospital, practice=practice, pacs=pacs, archive=archive, anna=anna, berg=berg,
            viewer=viewer, study=study, expected=expected, wan=wan, devices=devices,
        )  # fmt: skip


def _places(stack: ExitStack, wan: Wan | None) -> tuple[Place, Place, tuple[str, ...]]:
    """The two places, and how the names of the line's devices begin."""
    if wan is not None:
        lab = stack.enter_context(Lab())
        hospital, practice = lab.site("anna"), lab.site("berg")
        lab.connect(hospital, practice, wan=wan)
        return hospital, practice, LINE_DEVICES
    if why_not() is None:  # a loopback of our own, so that its counters count nobody else
        alone = stack.enter_context(Lab()).site("alone")
        alone.addresses.append(LOOPBACK)
        return alone, alone, LOOPBACK_DEVICES
    return ThisMachine(), ThisMachine(), ()
