"""Plain and sealed streams carry every byte between two processes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.bench.streams import FRAME, receive_plain, receive_sealed
from tools.programs import LOOPBACK, free_port


def received(receive: Callable[[socket.socket], int], kind: str, *words: str) -> int:
    port = free_port()
    command = [sys.executable, "-m", "tools.bench.streams", kind, LOOPBACK, str(port), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        assert sender.stdout.readline() == b"ready\n"
        with socket.create_connection((LOOPBACK, port), timeout=10) as connection:
            return receive(connection)


def test_a_plain_stream_carries_the_files_end_to_end(tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    for number, path in enumerate(paths, 1):
        path.write_bytes(bytes(number * 100_000))
    assert received(receive_plain, "plain", *map(str, paths)) == 300_000


@pytest.mark.parametrize("size", [1, FRAME, 2 * FRAME + 1])
def test_a_sealed_stream_carries_as_many_bytes_as_told(size: int) -> None:
    assert received(receive_sealed, "sealed", str(size)) == size
