"""A worker process: batches of jobs come in on file 0, a socket, and their outcomes go out on it.

Law: it ends when the socket does, so that no worker outlives its node, however that ended; it imports no more than the
codings, writes nothing and opens nothing. Not here: starting it (processes.py).
"""

from __future__ import annotations

import signal
import socket
import struct
from typing import Final

from idas_p2p.exchange.codec.jobs import outcome_bytes, perform_all, read_jobs

JOB_SECONDS: Final = 2.0  # of processor time; ours: the largest piece takes 0.03
LENGTH: Final = struct.Struct(">L")  # bytes of a batch or its answer, which follows


def main() -> None:
    """Work until the node is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a terminal sends them to all; the node says when it is over
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with socket.socket(fileno=0) as connection:
        serve(connection)


def perform(batch: bytes) -> bytes:
    """The answer to a batch. A job that takes too long ends the process: no exception could end a foreign library."""
    answer = bytearray()
    for job in read_jobs(batch):
        signal.setitimer(signal.ITIMER_PROF, JOB_SECONDS)
        answer += outcome_bytes(perform_all([job])[0])
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    return bytes(answer)


def serve(connection: socket.socket) -> None:
    """Answer batches until the other end is closed."""
    while header := _read(connection, LENGTH.size):
        batch = _read(connection, LENGTH.unpack(header)[0])
        if not batch:
            return
        answer = perform(batch)
        try:
            connection.sendall(LENGTH.pack(len(answer)) + answer)
        except OSError:
            return


def _read(connection: socket.socket, size: int) -> bytes:
    """So many bytes; none when the other end is closed."""
    data = bytearray(size)
    view = memoryview(data)
    while view:
        try:
            received = connection.recv_into(view)
        except OSError:
            received = 0
        if not received:
            return b""
        view = view[received:]
    return bytes(data)
