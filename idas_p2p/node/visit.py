"""One visit of a machine that belongs to no federation: what it keeps until it has the study, and then leaves behind.

Law: what arrived before a cut is not sent again. The machine keeps a key of its own in a hidden folder beside the files
until everything is there, for the pass is bound to it; a look at the list keeps nothing. Belongs here: that, and being
a client of the directory meanwhile. Not here: the conversation (guest.py). Source: docs/spec/federation.md section 6.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from idas_p2p.access.invitation import PassCode
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.directory.service import Directory
from idas_p2p.errors import BadConfiguration
from idas_p2p.node.guest import Guest, Tell
from idas_p2p.node.locating import Locator
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.store.spool import Spool
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Address
from idas_p2p.wire.outside import PassOffer
from idas_p2p.wire.study import KEYWORDS

WORK_FOLDER: Final = ".idas-fetch"  # beside the files, with a folder for each pass; hidden
THREADS: Final = 4  # that write files; ours
MAX_TASKS: Final = 64  # of the directory; ours
SPOOL_SHARE: Final = 0.9  # of the space that is free; ours


class Work:
    """What a fetch keeps until it is done: in a hidden folder beside the files, or nowhere for a look at the list."""

    def __init__(self, folder: Path, code: PassCode) -> None:
        self.root = folder / WORK_FOLDER
        self.folder = self.root / derive(code.secret, "idas pas work")[:8].hex()

    def open(self) -> SigningKey:
        """Make it where it is not there yet; this machine's key for the pass.

        Raises:
            BadConfiguration: the folder cannot be written.
        """
        key = self.folder / "key"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not key.exists():
                SigningKey.generate().save(key)
            return SigningKey.load(key)
        except OSError as error:
            raise BadConfiguration(f"{self.folder}: {error.strerror}") from None

    def remove(self) -> None:
        """Leave nothing but the files."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.root.rmdir()


@asynccontextmanager
async def opened(
    code: PassCode, identity: SigningKey, database: Database, *, clock: Clock, way: Way = DIRECT
) -> AsyncIterator[Guest]:
    """A guest while the block runs: it takes part in the directory as a client.

    Args:
        code: of the pass.
        identity: of this machine.
        database: remembers the holder's record.
        clock: the time.
        way: how connections leave this machine.

    Raises:
        BadConfiguration: this machine lets nothing be opened.
    """
    async with AsyncExitStack() as stack:
        tasks = TaskOwner(limit=MAX_TASKS)
        stack.push_async_callback(tasks.stop)
        directory = Directory(
            identity,
            clock=clock,
            server=False,
            contacts=(code.contact,),
            storage_path=None,
            tasks=tasks,
            open_stream=way.open_stream,
        )
        try:
            host = "::" if ":" in code.contact.address.host else "0.0.0.0"  # noqa: S104
            await directory.start(Address(host, 0))
        except OSError as error:
            raise BadConfiguration(f"no socket can be opened: {error.strerror or error}") from None
        stack.push_async_callback(directory.stop)
        locator = Locator(directory, Settings(database))
        yield Guest(code, identity, directory, locator, clock=clock, way=way)


async def look(code: PassCode, *, clock: Clock, way: Way = DIRECT) -> PassOffer:
    """What a pass is for; nothing is kept, and no use of it is taken. Errors as for Guest.offer."""
    with tempfile.TemporaryDirectory(prefix="idas-fetch-") as folder:
        database = Database.open(f"sqlite:///{folder}/look.db")
        try:
            async with opened(code, SigningKey.generate(), database, clock=clock, way=way) as guest:
                return await guest.offer()
        finally:
            database.close()


async def fetch(
    code: PassCode, folder: Path, *, clock: Clock, way: Way = DIRECT, on_progress: Tell
) -> tuple[DeliveryReport, Mapping[str, Any]]:
    """Fetch the study of a pass into a folder; what was done, and what the network saw of it. Errors as Guest.fetch."""
    work = Work(folder, code)
    identity, bridge = work.open(), Bridge(threads=THREADS)
    begun, database = clock.monotonic(), Database.open(f"sqlite:///{work.folder.absolute()}/fetch.db")
    try:
        free = int(SPOOL_SHARE * shutil.disk_usage(folder).free)
        spool = Spool(work.folder / "spool", database, max_bytes=free)
        async with opened(code, identity, database, clock=clock, way=way) as guest:
            report = await guest.fetch(folder, spool, bridge, on_progress=on_progress)
    finally:
        await bridge.close()
        database.close()
    if not report.failed:
        work.remove()
    seconds = round(clock.monotonic() - begun, 3)
    return report, {"path": guest.seen.path, "wire_bytes": guest.seen.wire_bytes, "seconds": seconds}


def offered(offer: PassOffer) -> dict[str, Any]:
    """What a pass is for, as plain values: `studies` as `idas find` shows them, `level`, `expires` in Unix seconds."""
    study = {keyword: offer.study.value(keyword) for keyword in KEYWORDS}
    level = offer.ticket.level.partition("#")[0]
    return {"studies": [{**study, "Holders": [offer.institution]}], "level": level, "expires": offer.expires}
