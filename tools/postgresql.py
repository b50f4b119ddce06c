"""A PostgreSQL server of its own, as Debian ships it, for tests and measurements; its socket is in its folder.

Belongs here: making, starting and ending it. Not here: what is kept in it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tools.programs import Program

STOP_TIMEOUT: Final = 30.0  # seconds for it to end by itself
INIT_TIMEOUT: Final = 120.0  # seconds to make the folder; about 2 on a quiet machine
_OWNERS: Final = ("postgres", "nobody")  # PostgreSQL refuses to run as root
_OPTIONS: Final = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=40",
    "shared_buffers=64MB",
)


def programs() -> Path | None:
    """The folder of its programs, the newest version first; None when it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PostgreSQL:
    """A server with one empty database; what it holds is lost when it ends.

    Args:
        folder: of its programs, see `programs`.
    """

    def __init__(self, folder: Path) -> None:
        self._programs = folder
        self._home = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of a socket has at most 107 bytes
        self._as_owner: list[str] = []
        if os.geteuid() == 0:
            owner = next(entry for entry in pwd.getpwall() if entry.pw_name in _OWNERS)
            shutil.chown(self._home, owner.pw_uid, owner.pw_gid)
            self._as_owner = [
                "setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", "--",
            ]  # fmt: skip
        data = self._home / "data"
        options = [part for option in _OPTIONS for part in ("-c", option)]
        command = [*self._as_owner, str(folder / "postgres"), "-D", str(data), "-k", str(self._home), *options]
        self._program = Program("postgres", command, log=self._home)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    @property
    def url(self) -> str:
        """Its database, as SQLAlchemy writes it."""
        return f"postgresql+psycopg://idas@/postgres?host={self._home}"

    def start(self) -> Self:
        """Make and start it; it takes connections when this returns."""
        self._run("initdb", "-D", str(self._home / "data"), "-U", "idas", "--auth=trust", "-E", "UTF8", "--no-sync")
        self._program.start(lambda: self._answers(), timeout=60.0)
        return self

    def remove(self) -> None:
        """End it and remove its folder; may be repeated."""
        if self._program.is_running:
            self._program.signal(signal.SIGINT)  # does not wait for clients to leave
            try:
                self._program.wait(timeout=STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._program.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _answers(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", "-h", str(self._home)]
        return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=INIT_TIMEOUT).returncode == 0

    def _run(self, name: str, *arguments: str) -> None:
        command = [*self._as_owner, str(self._programs / name), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=INIT_TIMEOUT, cwd=self._home)
