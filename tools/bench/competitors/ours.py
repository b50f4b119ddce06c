"""Ours: node to node, and the whole way from the far archive to the workstation. Both nodes start cold in each run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from idas_p2p.cli.client import call
from tools.bench.competitors.base import NODE_TO_NODE, WHOLE_WAY, Changed, Competitor, Run
from tools.bench.competitors.dicom import check_viewer, move_to_viewer
from tools.bench.course import LINE_DEVICES
from tools.dcmtk import Peer
from tools.images import set_of_files


class NodeToNode(Competitor):
    """What `idas get --out` asks of the practice's node, without the start of a Python interpreter.

    From the request until every instance is verified and a file: the hospital's node takes the study from its archive
    meanwhile.
    """

    name, words, against = NODE_TO_NODE, "idas_p2p, node to node", NODE_TO_NODE

    @property
    def _folder(self) -> Path:
        return self.course.folder / "from-node"

    def prepare(self, latest: Mapping[str, Run]) -> None:
        """Both nodes forget."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self.course.forget_at_nodes()

    def move(self) -> Run:
        """Ask, and wait for the result."""
        request = {"study_uid": self.course.study.study_uid, "user": None, "out": str(self._folder)}
        started = time.monotonic()
        told = call(self.course.berg.folder, "get", request, timeout=None)
        seconds = time.monotonic() - started
        coded = int(told["wire_bytes"])
        counted = self.course.devices == LINE_DEVICES  # loopback's counter counts the archive's bytes too
        return Run(seconds=seconds, coded_bytes=coded, wire_bytes=None if counted else coded)

    def check(self) -> None:
        """Compare every data set with what the archive gives on its own network."""
        received = set_of_files(sorted(self._folder.iterdir()))
        if received != self.course.expected:
            raise Changed(f"{len(received)} data sets came, not all as they are in the archive")


class WholeWay(Competitor):
    """C-MOVE from the practice's own node: workstation, node, node, archive, and back."""

    name, words, against = WHOLE_WAY, "idas_p2p, archive to workstation", WHOLE_WAY

    def prepare(self, latest: Mapping[str, Run]) -> None:
        """Both nodes forget, and the workstation is emptied."""
        self.course.viewer.forget()
        self.course.forget_at_nodes()

    def move(self) -> Run:
        """C-MOVE to the workstation."""
        near = self.course.berg
        run = move_to_viewer(self.course, Peer(port=near.dicom_port, aet=near.aet, calling="VIEWER", host=near.host))
        return run if self.course.devices == LINE_DEVICES else Run(first_image=run.first_image, wire_bytes=self._told())

    def check(self) -> None:
        """Compare every data set with what the archive gives on its own network."""
        check_viewer(self.course)

    def _told(self) -> int:
        """What the node says it had on the network for its latest transfer."""
        (latest, *_) = call(self.course.berg.folder, "transfers")["transfers"]
        return int(latest["wire_bytes"])
