"""One worker process: it does what it is asked, and whatever becomes of it is one named outcome."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import pytest

from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.jobs import Decode, Encode, perform_all
from idas_p2p.exchange.codec.pieces import Coding, Way
from idas_p2p.exchange.codec.processes import Worker, WorkerDied, start_worker
from idas_p2p.exchange.codec.worker import LENGTH
from tests.exchange.codec.images import smooth

LARGE = Encode(smooth(1_024, 512), Grid(columns=512, sample_size=2), (Way.PLANE,))  # 1 MiB, the largest piece


async def test_a_worker_codes_and_decodes_the_largest_pieces() -> None:
    worker = start_worker()
    try:
        (coded,) = await worker.perform([LARGE])
        assert coded == perform_all([LARGE])[0]
        decode = Decode(Coding.JPEG_LS, len(LARGE.piece), coded.data)  # type: ignore[union-attr]
        outcomes = await worker.perform([decode, Decode(Coding.JPEG_LS, 5, b"nonsense")])
        assert outcomes[0] == LARGE.piece
        assert isinstance(outcomes[1], WireError)
    finally:
        worker.end()


async def test_a_worker_that_was_killed_has_died() -> None:
    worker = start_worker()
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        await worker.perform([LARGE])
    worker.end()


class Ended:
    """A process that never was."""

    pid = 0

    def kill(self) -> None:
        """Nothing to kill."""

    def wait(self) -> int:
        return 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(LENGTH.pack(50) + b"too little", id="too little"),
        pytest.param(LENGTH.pack(0xFFFFFFFF), id="more than memory"),
        pytest.param(LENGTH.pack(9) + b"nonsense!", id="nonsense"),
    ],
)
async def test_a_worker_that_answers_nonsense_has_died(answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    process: Any = Ended()
    worker = Worker(process, ours)
    with theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(WorkerDied):
            await worker.perform([Decode(Coding.JPEG_LS, 5, b"data")])
    worker.end()
