"""A copy of every record to the hospital's own collector: syslog over TLS.

Law: TLS tells nobody what the collector has taken, so a record counts as delivered only when its machine has confirmed
the bytes and the connection has lasted GRACE longer; what is not delivered is sent again. So a collector may see a
record twice, never not at all. What waits is in the log itself, and nothing is held in memory. Belongs here: the
connection and the position. Not here: the messages (access/audit/syslog.py). Source: RFC 5425.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from idas_p2p.access.audit.message import AuditSource
from idas_p2p.access.audit.syslog import syslog_frames
from idas_p2p.clock import Clock
from idas_p2p.errors import BadConfiguration, IdasError, Unreachable, WireError
from idas_p2p.events import log_event
from idas_p2p.node.audit_settings import AuditSettings
from idas_p2p.node.auditing import Auditor, Run
from idas_p2p.store.audit_peers import PeerFiles
from idas_p2p.store.audit_reader import LogReader
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord
from idas_p2p.wire.schema import decode

CONNECT_TIMEOUT: Final = 10.0  # seconds for TCP and TLS; ours
SEND_TIMEOUT: Final = 60.0  # seconds a collector may take nothing; ours
GRACE: Final = (
    3.0  # seconds a connection must outlast what was sent on it; ours: a collector that dies had them to read
)
LOOK_INTERVAL: Final = 0.5  # seconds between looks at what was confirmed; ours
BATCH: Final = 128  # records read and sent at once; ours
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds until the next attempt, doubled at each failure; ours
_LOOKS: Final = 3
_SENT: Final = "sent"  # the file of the position
_STATES: Final = (ssl.SSLError, OSError, TimeoutError, EOFError)


class PositionFile:
    """How far the collector has the log: the number of the last record that counts as delivered.

    Args:
        folder: of the log.
    """

    def __init__(self, folder: Path) -> None:
        self._files = PeerFiles(folder)

    def read(self) -> int:
        """0 when nothing was delivered yet."""
        data = self._files.read(_SENT) or b""
        return int(data) if data.isdigit() else 0

    def write(self, number: int) -> None:
        """Keep it; the disk has it when this returns."""
        self._files.write(_SENT, b"%d" % number)


class AuditSender:
    """Sends the log to one collector.

    Args:
        auditor: the log.
        source: the node, as the collector shall see it.
        position: how far it came.
        settings: where the collector is and how it proves itself.
        run: runs what waits for the disk in a thread.
        clock: the time.
    """

    def __init__(
        self,
        auditor: Auditor,
        source: AuditSource,
        position: PositionFile,
        *,
        settings: AuditSettings,
        run: Run,
        clock: Clock,
    ) -> None:
        self._auditor, self._source, self._position, self._run = auditor, source, position, run
        self._settings, self._clock = settings, clock
        self._reader = LogReader(auditor.folder)
        self._pause = FIRST_PAUSE
        self.delivered = position.read()
        self.is_connected = False
        self.error = ""  # why there is no connection

    @property
    def is_wanted(self) -> bool:
        """Whether there is a collector."""
        return self._settings.syslog is not None

    async def turn(self) -> float:
        """Send until the connection ends; return seconds until the next attempt."""
        try:
            await self._talk()
        except (*_STATES, IdasError) as error:
            self.error = error.detail if isinstance(error, IdasError) else type(error).__name__
            log_event("audit_collector_lost", reason=getattr(error, "code", type(error).__name__))
        pause, self._pause = self._pause, min(LONGEST_PAUSE, 2 * self._pause)
        return pause

    async def _talk(self) -> None:
        address = self._settings.syslog
        if address is None:
            return
        async with asyncio.timeout(CONNECT_TIMEOUT):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, ssl=_context(self._settings), server_hostname=address.host
            )
        try:
            self.is_connected, self.error, self._pause = True, "", FIRST_PAUSE
            log_event("audit_collector_reached", count=self.delivered)
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._send(writer))
                while await reader.read(4_096):  # a collector says nothing: when this ends, so does the connection
                    pass
                sending.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self.is_connected = False
            writer.transport.abort()
            with suppress(*_STATES):
                await writer.wait_closed()
        raise Unreachable("the collector closed the connection")

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        sent, waiting = self.delivered, deque[tuple[int, float]]()
        writer.transport.set_write_buffer_limits(high=1, low=0)  # drain waits until TLS has handed on everything
        while True:
            found = await self._run(self._reader.after, sent, BATCH) if sent < self._auditor.on_disk.count else []
            if found := [one for one in found if one[0] <= self._auditor.on_disk.count]:
                writer.write(b"".join(self._frames(body) for _, body in found))
                async with asyncio.timeout(SEND_TIMEOUT):
                    await writer.drain()
                sent = found[-1][0]
            if (not waiting or waiting[-1][0] < sent) and await _is_confirmed(writer):
                waiting.append((sent, self._clock.monotonic()))
            await self._deliver(waiting)
            if not found:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_INTERVAL):
                        await self._auditor.changed()

    async def _deliver(self, waiting: deque[tuple[int, float]]) -> None:
        """Count as delivered what was confirmed GRACE ago."""
        number = self.delivered
        while waiting and waiting[0][1] <= self._clock.monotonic() - GRACE:
            number = waiting.popleft()[0]
        if number > self.delivered:
            await self._run(self._position.write, number)
            self.delivered = number

    def _frames(self, body: bytes) -> bytes:
        try:
            record = decode(AuditRecord, body, max_size=MAX_RECORD_BYTES)
        except WireError:
            return b""  # it was tampered with; `idas audit verify` tells
        return syslog_frames(record, self._source, host=socket.gethostname())


def _context(settings: AuditSettings) -> ssl.SSLContext:
    """TLS 1.2 or later, the collector's certificate checked; RFC 5425 section 4.2 and 5, RFC 9662."""
    try:
        context = ssl.create_default_context(cafile=settings.syslog_ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.syslog_certificate is not None:
            context.load_cert_chain(settings.syslog_certificate)
    except (OSError, ssl.SSLError) as error:
        raise BadConfiguration(f"audit.syslog_ca or audit.syslog_certificate: {type(error).__name__}") from None
    return context


async def _is_confirmed(writer: asyncio.StreamWriter) -> bool:
    """Whether the collector's machine has confirmed every byte; tcp(7), SIOCOUTQ.

    What waits below TLS in this process goes to the kernel at the loop's next turns, so one look is not enough.
    """
    file = writer.get_extra_info("socket").fileno()
    for _ in range(_LOOKS):
        (left,) = struct.unpack("i", fcntl.ioctl(file, termios.TIOCOUTQ, bytes(4)))
        if left or writer.transport.get_write_buffer_size():
            return False
        await asyncio.sleep(0)
    return True
