"""One worker process, seen from the node: started when needed, asked, ended.

Law: a worker that dies, hangs or answers nonsense is killed and raises WorkerDied; it harms nothing else.
Belongs here: the process and its socket. Not here: what it is asked (jobs.py), how many there are (workshop.py).
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from idas_p2p.exchange.codec.jobs import Decode, Encode, Outcome, read_outcomes
from idas_p2p.exchange.codec.worker import LENGTH
from idas_p2p.limits import MAX_MESSAGE_SIZE

BATCH_TIMEOUT: Final = 30.0  # seconds; ours: a batch takes a twentieth of one on an idle machine
BUFFER_SIZE: Final = 1_048_576  # bytes of the socket, either way; ours: a batch goes in few pieces
_ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",  # numpy would prepare one a core
    "MALLOC_MMAP_THRESHOLD_": "16777216",  # bytes: glibc keeps the memory of a piece for the next one, which
    "MALLOC_TRIM_THRESHOLD_": "16777216",  # otherwise costs a worker an eighth of its time in the kernel
}
_PROGRAM: Final = "from idas_p2p.exchange.codec.worker import main; main()"


class WorkerDied(Exception):  # an event more than an error: what was asked is asked again or given up
    """The worker is gone."""


class Worker:
    """A running worker process; made by `start_worker`.

    Args:
        process: the worker.
        connection: our end of its socket; not blocking.
    """

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self._process, self._connection = process, connection

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    async def perform(self, jobs: Sequence[Encode | Decode]) -> list[Outcome]:
        """Have jobs done; one call at a time.

        Raises:
            WorkerDied: it did not do them.
        """
        try:
            async with asyncio.timeout(BATCH_TIMEOUT):
                return await self._perform(jobs)
        except (OSError, EOFError, ValueError, TimeoutError):
            raise WorkerDied from None

    async def _perform(self, jobs: Sequence[Encode | Decode]) -> list[Outcome]:
        loop = asyncio.get_running_loop()
        batch = b"".join(job.to_bytes() for job in jobs)
        await loop.sock_sendall(self._connection, LENGTH.pack(len(batch)) + batch)
        (size,) = LENGTH.unpack(await self._read(LENGTH.size))
        if size > len(jobs) * (MAX_MESSAGE_SIZE + LENGTH.size):
            raise ValueError("a worker's answer is too long")
        return read_outcomes(await self._read(size), jobs)

    async def _read(self, size: int) -> bytes:
        loop, data = asyncio.get_running_loop(), bytearray(size)
        view = memoryview(data)
        while view:
            received = await loop.sock_recv_into(self._connection, view)
            if not received:
                raise EOFError
            view = view[received:]
        return bytes(data)

    def end(self) -> None:
        """Kill it; what it was doing is lost. Blocks for the moment until the kernel has let it go."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


def start_worker() -> Worker:
    """Start a process; blocks for some milliseconds, and it works 0.2 s later.

    Raises:
        OSError: the machine has no room for one.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_SIZE)
        ours.setblocking(False)
        try:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", _PROGRAM],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **_ENVIRONMENT},
            )
        except OSError:
            ours.close()
            raise
    return Worker(process, ours)
