"""DCMTK's dcmqrscp as an archive: a real process on a free port, filled before it starts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.dcmtk import QUICK
from tools.programs import LOOPBACK, Program, answers, free_port


class Dcmqrscp:
    """DCMTK's archive.

    Args:
        folder: gets its configuration and its storage.
        node_port: where the only destination accepts what it moves.
        node_aet: the AE title of that.
        options: more words, such as `+xs`.
    """

    def __init__(self, folder: Path, *, node_port: int, node_aet: str = "IDAS", options: Sequence[str] = ()) -> None:
        self.aet, self.port = "DCMQR", free_port()
        self._storage = folder / "storage"
        self._storage.mkdir(parents=True)
        configuration = folder / "dcmqrscp.cfg"
        configuration.write_text(
            f"NetworkTCPPort = {self.port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
            f"HostTable BEGIN\nnode = ({node_aet}, {LOOPBACK}, {node_port})\nHostTable END\n"
            f"VendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\n{self.aet} {self._storage} RW (200, 1024mb) ANY\nAETable END\n"
        )
        command = ["dcmqrscp", "-v", *options, "-c", str(configuration)]
        self.program = Program(folder.name, command, log=folder.parent / "logs", env=QUICK)

    def fill(self, files: Sequence[Path]) -> None:
        """Put files into its storage and index, as they are."""
        kept = [shutil.copy(path, self._storage / f"{number:05}.dcm") for number, path in enumerate(files)]
        subprocess.run(["dcmqridx", str(self._storage), *kept], check=True, capture_output=True)

    def start(self) -> None:
        """Run it; returns when its port answers."""
        self.program.start(lambda: answers(self.port))

    def stop(self) -> None:
        """End it."""
        self.program.stop()
