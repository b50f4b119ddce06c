"""A federation on one machine: a bootstrap node and institutions with their archives, all of it separate processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.idas import Bootstrap, Node
from tools.orthanc import Orthanc
from tools.programs import LOOPBACK, wait_until

FEDERATION = "Lake Region"
PUBLISH_TIMEOUT = 60.0  # seconds from an archive to another institution's answer


class Region:
    """One federation. The first node that joins founds it; leaving the `with` block ends every process.

    Args:
        folder: gets a folder for each process, and their logs in `logs/`.
        host: where the bootstrap node listens.
        log_level: of the nodes.
        relay: whether the bootstrap node also relays.
    """

    def __init__(self, folder: Path, *, host: str = LOOPBACK, log_level: str = "debug", relay: bool = False) -> None:
        self.folder, self._log_level = folder, log_level
        self.nodes: list[Node] = []
        self._stack = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        self.bootstrap = Bootstrap(folder / "bootstrap", host=host, relay=relay)

    def __enter__(self) -> Self:
        self._stack.callback(self.bootstrap.stop)
        self.bootstrap.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def until_closed(self, end: Callable[[], Any]) -> None:
        """Call `end` when the region is closed, before what was there earlier."""
        self._stack.callback(end)

    def node(self, name: str, *, host: str = LOOPBACK, joins: bool = True) -> Node:
        """Start a node named `name`, AE title NAME; it founds the federation or joins it by a code.

        The founder lets every member see everything, as each that joins does.
        """
        founds = not self.nodes
        node = Node(
            self.folder / name,
            institution=name.title(),
            aet=name.upper(),
            host=host,
            bootstrap=[self.bootstrap.contact] if founds else [],
            log_level=self._log_level,
        )
        self._stack.callback(node.stop)
        node.start()
        if joins:
            self.join(node)
        self.nodes.append(node)
        return node

    def join(self, node: Node) -> None:
        """Let a running node found or join the federation and share everything."""
        if self.nodes:
            node.do("join", self.nodes[0].do("federation invite").strip())
        else:
            node.do("federation create", FEDERATION)
        node.do("grant", "--to", "everyone", "--level", "full")

    def orthanc(
        self,
        node: Node,
        files: Sequence[Path],
        *,
        poll: str = "1s",
        prefer: str = "move",
        modalities: dict[str, tuple[str, int]] | None = None,
    ) -> Orthanc:
        """Put a filled Orthanc behind a node."""
        known = {node.aet: (node.host, node.dicom_port), **(modalities or {})}
        orthanc = Orthanc(self.folder / f"orthanc-{node.folder.name}", modalities=known, host=node.host)
        self._stack.callback(orthanc.stop)
        orthanc.start()
        orthanc.fill(files)
        where = ["--aet", orthanc.aet, "--address", f"{orthanc.host}:{orthanc.dicom_port}"]
        if prefer == "dicomweb":  # and nothing else, so that no other way can stand in for it
            where = ["--dicomweb", orthanc.web_url]
        elif prefer == "fastest":
            where += ["--dicomweb", orthanc.web_url]
        node.do("archive add", "pacs", *where, "--poll", poll, "--prefer", prefer)
        return orthanc

    def shelf(self, node: Node, folder: Path, *, poll: str = "1s") -> None:
        """Let a node offer the DICOM files of a folder."""
        node.do("archive add", f"shelf-{folder.name}", "--folder", str(folder), "--poll", poll)


def wait_for_study(
    node: Node, study_uid: str, *, timeout: float = PUBLISH_TIMEOUT, instances: int = 1, holders: int = 1
) -> dict[str, Any]:
    """Ask a node until it finds a study in the federation; the study by DICOM keyword.

    Args:
        node: asks.
        study_uid: for this study.
        timeout: seconds.
        instances: so many it must have at least, where it tells how many it has.
        holders: so many must hold it at least.

    Raises:
        TimeoutError: not within `timeout` seconds.
    """
    found: list[dict[str, Any]] = []

    def is_whole(study: dict[str, Any]) -> bool:
        told = study.get("NumberOfStudyRelatedInstances") or instances
        return int(told) >= instances and len(study.get("Holders", [])) >= holders

    def is_found() -> bool:
        done = node.try_idas("find", str(node.folder), f"StudyInstanceUID={study_uid}", "--json")
        if done.returncode == 0:
            found[:] = [study for study in json.loads(done.stdout)["studies"] if is_whole(study)]
        return bool(found)

    wait_until(is_found, timeout=timeout, what="the study is found in the federation")
    return found[0]
