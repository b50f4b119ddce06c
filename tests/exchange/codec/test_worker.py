"""A worker answers batches, ends with its node however that ends, and is ended by a job that takes too long."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading

import pytest

from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.jobs import Decode, Encode, perform_all, read_outcomes
from idas_p2p.exchange.codec.pieces import Way
from idas_p2p.exchange.codec.processes import start_worker
from idas_p2p.exchange.codec.worker import LENGTH, serve
from tests.exchange.codec.images import smooth

ENCODE = Encode(smooth(20, 30), Grid(columns=30, sample_size=2), (Way.PLANE,))
GRANDPARENT = """
import sys, time
from idas_p2p.exchange.codec.processes import start_worker
worker = start_worker()
print(worker.pid, flush=True)
time.sleep(600)
"""


def test_a_worker_answers_batch_after_batch_until_the_socket_is_closed() -> None:
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(theirs,))
    thread.start()
    jobs = [ENCODE, Decode(9, 4, b"four")]
    batch = b"".join(job.to_bytes() for job in jobs)
    with ours, ours.makefile("rb") as answers:
        for _ in range(3):
            ours.sendall(LENGTH.pack(len(batch)) + batch)
            (size,) = LENGTH.unpack(answers.read(LENGTH.size))
            outcomes = read_outcomes(answers.read(size), jobs)
            assert outcomes[0] == perform_all([ENCODE])[0]
            assert str(outcomes[1]) == "unknown coding of a chunk"
    thread.join(10)
    assert not thread.is_alive()
    theirs.close()


def test_a_worker_imports_the_codings_and_little_else() -> None:
    program = "import sys; import idas_p2p.exchange.codec.worker; print(*(n for n in sys.modules if 'idas' in n))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    rooms = {name.split(".")[1] for name in loaded if "." in name}
    assert rooms == {"blob", "errors", "exchange", "limits"}


def ends(pid: int) -> bool:
    """Whether a process ends within half a minute."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], 30)[0])
    finally:
        os.close(pidfd)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_a_worker_ends_when_its_node_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", GRANDPARENT], stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        pid = int(node.stdout.readline())
        node.kill()
    assert ends(pid)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
async def test_signals_to_all_processes_of_a_terminal_do_not_end_a_worker() -> None:
    worker = start_worker()
    try:
        await worker.perform([ENCODE])
        os.kill(worker.pid, signal.SIGINT)
        os.kill(worker.pid, signal.SIGTERM)
        assert len(await worker.perform([ENCODE])) == 1
    finally:
        worker.end()
    assert ends(worker.pid)
