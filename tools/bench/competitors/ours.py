"""Ours: node to node, and the whole way from the far archive to the workstation. Both nodes start cold in each run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from idas_p2p.cli.client import call
from tools.bench.competitors.base import NODE_TO_NODE, WHOLE_WAY, Competitor, Run
from tools.bench.competitors.dicom import move_to_viewer
from tools.bench.course import LINE_DEVICES
from tools.dcmtk import Peer
from tools.idas import fetch
from tools.images import set_of_files


class NodeToNode(Competitor):
    """`idas get --out` at the practice's node, from the request until every instance is verified and a file.

    The hospital's node takes the study from its archive meanwhile.
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
        seconds, told = fetch(self.course.berg, self.course.study.study_uid, self._folder)
        coded = int(told["wire_bytes"])
        counted = self.course.devices == LINE_DEVICES  # loopback's counter counts the archive's bytes too
        return Run(seconds=seconds, coded_bytes=coded, wire_bytes=None if counted else coded)

    def check(self) -> None:
        """Compare every data set with what the archive gives on its own network."""
        self.course.check(set_of_files(sorted(self._folder.iterdir())))


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
        self.course.check(self.course.viewer.received())

    def _told(self) -> int:
        """What the node says it had on the network for its latest transfer."""
        (latest, *_) = call(self.course.berg.folder, "transfers")["transfers"]
        return int(latest["wire_bytes"])
