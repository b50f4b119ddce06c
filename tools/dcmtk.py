"""DCMTK's command line programs as workstations and archives: echoscu, findscu, movescu, getscu, storescu, storescp."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from tools.images import Encoded, set_of_files
from tools.programs import LOOPBACK, Program, answers, free_port

QUICK = {"TCP_NODELAY": "1"}  # DCMTK leaves Nagle's algorithm on otherwise, and waits 40 ms per image
PROGRAMS = ("echoscu", "findscu", "movescu", "getscu", "storescu", "storescp")
TIMEOUT = 300.0  # seconds for one program
_STATUS = re.compile(r"^D: DIMSE Status +: 0x([0-9a-fA-F]{4})", re.MULTILINE)


def find_program(name: str) -> str | None:
    """Where DCMTK's program is; None when it is not installed.

    pynetdicom installs programs of the same names beside the interpreter, which an activated virtual environment finds
    first.
    """
    beside = Path(sys.executable).parent
    folders = [folder for folder in os.get_exec_path() if Path(folder) != beside]
    return shutil.which(name, path=os.pathsep.join(folders))


def missing() -> list[str]:
    """Programs that are not installed here."""
    return [name for name in PROGRAMS if find_program(name) is None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended and what it said."""

    status: int  # exit status
    output: str

    @property
    def statuses(self) -> list[int]:
        """The DIMSE status of every response, in order."""
        return [int(text, 16) for text in _STATUS.findall(self.output)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The node a program speaks to, and how it calls itself there."""

    port: int
    aet: str
    calling: str
    host: str = LOOPBACK

    def run(self, program: str, *words: str, timeout: float = TIMEOUT) -> Ended:
        """Run a program against the node; `words` come before host and port, or after a `--`."""
        before, after = words, ()  # type: tuple[str, ...], tuple[str, ...]
        if "--" in words:
            before, after = words[: words.index("--")], words[words.index("--") + 1 :]
        command = [
            find_program(program) or program,
            "-d",
            "-aet",
            self.calling,
            "-aec",
            self.aet,
            *before,
            self.host,
            str(self.port),
            *after,
        ]
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False, env={**os.environ, **QUICK})
        return Ended(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))

    def echo(self) -> Ended:
        """C-ECHO."""
        return self.run("echoscu")

    def find(self, **keys: str) -> tuple[Ended, list[Dataset]]:
        """C-FIND, Study Root, STUDY level; keys by DICOM keyword."""
        with tempfile.TemporaryDirectory() as folder:
            query = [f"-k={keyword}={value}" for keyword, value in {"QueryRetrieveLevel": "STUDY", **keys}.items()]
            words = [word for key in query for word in key.split("=", 1)]
            ended = self.run("findscu", "-S", "-X", "-od", folder, *words)
            return ended, [pydicom.dcmread(path, force=True) for path in sorted(Path(folder).glob("rsp*.dcm"))]

    def move(self, study_uid: str, *, to: str, timeout: float = TIMEOUT) -> Ended:
        """C-MOVE of a study, Study Root."""
        return self.run(
            "movescu", "-S", "-aem", to, "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_uid}",
            timeout=timeout,
        )  # fmt: skip

    def get(self, study_uid: str, folder: Path) -> tuple[Ended, dict[str, Encoded]]:
        """C-GET of a study into a folder, bytes as received."""
        folder.mkdir(parents=True, exist_ok=True)
        ended = self.run(
            "getscu", "-S", "+B", "-od", str(folder), "-k", "QueryRetrieveLevel=STUDY",
            "-k", f"StudyInstanceUID={study_uid}",
        )  # fmt: skip
        return ended, set_of_files(sorted(folder.iterdir()))

    def store(self, files: Sequence[Path]) -> Ended:
        """C-STORE of files, each in its own transfer syntax where the peer takes it."""
        return self.run("storescu", "-R", "--", *map(str, files))


class StoreScp:
    """DCMTK's storescp as a workstation: keeps what it receives, bytes as received.

    Args:
        folder: gets the received files in `received/`.
        aet: its AE title.
        host: where the node reaches it.
        options: more words for storescp, such as `+xa`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        aet: str,
        host: str = LOOPBACK,
        options: Sequence[str] = ("+xa",),
    ) -> None:
        self.aet, self.host, self.port = aet, host, free_port()
        self.received_folder = folder / "received"
        self.received_folder.mkdir(parents=True, exist_ok=True)
        command = [
            find_program("storescp") or "storescp",
            "-v",
            "+B",
            "-pm",
            *options,
            "-aet",
            aet,
            "-od",
            str(self.received_folder),
            str(self.port),
        ]
        self.program = Program(folder.name, command, log=folder.parent / "logs", env=QUICK)

    def start(self) -> None:
        """Run it; returns when its port answers."""
        self.program.start(lambda: answers(self.port, host=self.host))

    def stop(self) -> None:
        """End it."""
        self.program.stop()

    def received(self) -> dict[str, Encoded]:
        """Every data set received, by SOP Instance UID."""
        return set_of_files(sorted(self.received_folder.iterdir()))

    def forget(self) -> None:
        """Delete what was received."""
        for path in self.received_folder.iterdir():
            path.unlink()
