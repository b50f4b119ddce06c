"""One cell of the matrix: two real nodes and a bootstrap node in networks of given kinds, and a study that crosses.

Belongs here: what is run and what is measured. Not here: the networks (networks.py), the table (matrix.py).
The nodes become members of one federation once, where nothing hinders them. For each cell they start anew in their
networks, as machines that were carried there.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from idas_p2p.errors import IdasError
from tools.idas import Bootstrap, Node, fetch
from tools.images import StudyFiles, set_of_files
from tools.lab import Lab, Wan
from tools.natlab.changes import Change, happen
from tools.natlab.kinds import Kind
from tools.natlab.networks import Builder, Networks
from tools.natlab.plain import can_cross, seconds_for
from tools.pair import start_cold
from tools.region import FEDERATION, wait_for_study

BOOTSTRAP_PORT = 443  # the one port that every firewall lets out
NODE_PORT = 7_000
NOTHING = 50_000  # bytes between two looks that are no images: signs of life, handshakes, questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of one pair."""

    holder: Kind
    asker: Kind
    path: str = ""  # that the images took; empty: none arrived
    arrived: bool = False  # whether every instance arrived byte-identical
    found_s: float | None = None  # seconds from the start of both nodes until the asker found the study
    first_s: float | None = None  # seconds from the request until images began to arrive, to the nearest 0.2
    rate_mbit: float | None = None  # megabits a second on the wire, over the whole retrieval
    plain_mbit: float | None = None  # of as many bytes by a plain TCP socket through the same networks, if asked for
    pause_s: float | None = None  # the longest time without images after the first, to the nearest 0.2; if asked for
    path_before: str = ""  # the change, if asked for
    wire_bytes: int = 0  # both directions
    peers: Mapping[str, Any] | None = None  # what the asker says of the holder
    reason: str = ""  # why nothing arrived


@dataclass(slots=True)
class Course:
    """How one retrieval goes, as its progress tells; it is when the change happens.

    Args:
        change: what happens once a sixth of the study's size has come, which coded is about a quarter of it.
        networks: what it happens to.
        size: of the study, in bytes.
    """

    change: Change | None
    networks: Networks
    size: int
    begun: float = field(default_factory=time.monotonic)
    first: float | None = None  # seconds until images began to arrive
    pause: float = 0.0  # seconds
    path_before: str = ""
    _carried: int = 0
    _moved_at: float = 0.0

    def note(self, progress: Mapping[str, Any]) -> None:
        """Hear how far it is."""
        now, carried = time.monotonic(), int(progress.get("wire_bytes") or 0)
        if carried <= self._carried + NOTHING:
            return
        if self.first is None:
            self.first = now - self.begun
        else:
            self.pause = max(self.pause, now - self._moved_at)
        self._carried, self._moved_at = carried, now
        if self.change and not self.path_before and carried > self.size / 6:
            self.path_before = str(progress["path"])
            happen(self.change, self.networks)


@dataclass(frozen=True, slots=True)
class Stage:
    """The nodes, which outlive the networks they sit in.

    Args:
        folder: holds theirs.
        study: at the holder.
        wan: of each access line.
        patience: seconds for finding the study.
        beside_plain: whether to send as many bytes by a plain TCP socket too, where one gets through.
        change: what happens to the network when a quarter of the study has come.
    """

    folder: Path
    study: StudyFiles
    wan: Wan
    patience: float
    beside_plain: bool = False
    change: Change | None = None

    def prepare(self) -> tuple[Bootstrap, Node, Node]:
        """Make the nodes and let them meet, with nothing between them."""
        with Lab() as lab, ExitStack() as stack:
            networks = Builder(lab, stack, self.folder / "upnp", wan=Wan()).build(Kind.OPEN, Kind.OPEN)
            with networks.bootstrap.inside():
                bootstrap = Bootstrap(self.folder / "bootstrap", host="[::]", port=BOOTSTRAP_PORT, relay=True)
            name = bootstrap.contact.rpartition("/")[2]
            first, second = networks.bootstrap_hosts
            contacts = [f"{first}:{BOOTSTRAP_PORT}/{name}", f"[{second}]:{BOOTSTRAP_PORT}/{name}"]
            anna, berg = (
                Node(
                    self.folder / word,
                    institution=word.title(),
                    aet=word.upper(),
                    network=f"[::]:{NODE_PORT}",
                    bootstrap=contacts,
                    log_level="info",
                )
                for word in ("anna", "berg")
            )
            with self._running(networks, bootstrap, anna, berg):
                anna.do("federation create", FEDERATION)
                berg.do("join", anna.do("federation invite").strip())
                anna.do("grant", "--to", "everyone", "--level", "full")
                anna.do("archive add", "shelf", "--folder", str(self.study.files[0].parent), "--poll", "1s")
                wait_for_study(berg, self.study.study_uid, instances=len(self.study.files))
        return bootstrap, anna, berg

    @contextmanager
    def _running(self, networks: Networks, bootstrap: Bootstrap, anna: Node, berg: Node) -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(bootstrap.stop)
            with networks.bootstrap.inside():
                bootstrap.start()
            for site, node in ((networks.holder, anna), (networks.asker, berg)):
                stack.callback(node.stop)
                with site.inside():
                    start_cold(node)
            yield

    def try_pair(self, nodes: tuple[Bootstrap, Node, Node], holder: Kind, asker: Kind) -> Cell:
        """Let the asker find and get the holder's study."""
        bootstrap, anna, berg = nodes
        with Lab() as lab, ExitStack() as stack:
            networks = Builder(lab, stack, self.folder / "upnp", wan=self.wan).build(holder, asker)
            with self._running(networks, bootstrap, anna, berg):
                cell = self._measure(berg, holder, asker, networks)
            if not (self.beside_plain and cell.arrived and cell.wire_bytes and can_cross(holder, asker)):
                return cell
            seconds = seconds_for(networks, cell.wire_bytes)
            return replace(cell, plain_mbit=round(8e-6 * cell.wire_bytes / seconds, 1))

    def _measure(self, berg: Node, holder: Kind, asker: Kind, networks: Networks) -> Cell:
        begun = time.monotonic()
        wanted = len(self.study.files)
        try:
            wait_for_study(berg, self.study.study_uid, timeout=self.patience, instances=wanted)
        except TimeoutError:
            peers = berg.ask("peers")
            return Cell(holder=holder, asker=asker, peers=peers, reason=f"not found within {self.patience:g} s")
        found = time.monotonic() - begun
        course = Course(self.change, networks, size=sum(file.stat().st_size for file in self.study.files))
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            out = Path(name)
            try:
                seconds, told = fetch(berg, self.study.study_uid, out, on_progress=course.note)
            except IdasError as error:
                peers = berg.ask("peers")
                return Cell(holder=holder, asker=asker, found_s=found, peers=peers, reason=error.explanation())
            arrived = set_of_files(sorted(out.iterdir())) == self.study.encoded()
        transfer = berg.ask("transfers")["transfers"][0]
        return Cell(
            holder=holder,
            asker=asker,
            path=str(transfer["path"]),
            arrived=arrived,
            found_s=round(found, 2),
            first_s=round(course.first or seconds, 2),
            rate_mbit=round(8e-6 * float(transfer["wire_bytes"]) / seconds, 1),
            wire_bytes=int(transfer["wire_bytes"]),
            pause_s=round(course.pause, 1) if self.change else None,
            path_before=course.path_before,
            peers=berg.ask("peers"),
            reason="" if arrived else f"not byte-identical, or not all: {told}",
        )
