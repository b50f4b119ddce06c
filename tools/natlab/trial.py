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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idas_p2p.errors import IdasError
from tools.idas import Bootstrap, Node, fetch
from tools.images import StudyFiles, set_of_files
from tools.lab import Lab, Wan
from tools.natlab.kinds import Kind
from tools.natlab.networks import Builder, Networks
from tools.pair import start_cold
from tools.region import FEDERATION, wait_for_study

BOOTSTRAP_PORT = 443  # the one port that every firewall lets out
NODE_PORT = 7_000


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
    peers: Mapping[str, Any] | None = None  # what the asker says of the holder
    reason: str = ""  # why nothing arrived


@dataclass(frozen=True, slots=True)
class Stage:
    """The nodes, which outlive the networks they sit in.

    Args:
        folder: holds theirs.
        study: at the holder.
        wan: of each access line.
        patience: seconds for finding the study.
    """

    folder: Path
    study: StudyFiles
    wan: Wan
    patience: float

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
                return self._measure(berg, holder, asker)

    def _measure(self, berg: Node, holder: Kind, asker: Kind) -> Cell:
        begun = time.monotonic()
        wanted = len(self.study.files)
        try:
            wait_for_study(berg, self.study.study_uid, timeout=self.patience, instances=wanted)
        except TimeoutError:
            peers = berg.ask("peers")
            return Cell(holder=holder, asker=asker, peers=peers, reason=f"not found within {self.patience:g} s")
        found = time.monotonic() - begun
        first: list[float] = []

        def note(progress: Mapping[str, Any]) -> None:
            if not first and progress.get("wire_bytes"):
                first.append(time.monotonic() - begun)

        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            out, begun = Path(name), time.monotonic()
            try:
                seconds, told = fetch(berg, self.study.study_uid, out, on_progress=note)
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
            first_s=round(first[0] if first else seconds, 2),
            rate_mbit=round(8e-6 * float(transfer["wire_bytes"]) / seconds, 1),
            peers=berg.ask("peers"),
            reason="" if arrived else f"not byte-identical, or not all: {told}",
        )
