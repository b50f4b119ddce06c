"""Both ends of a plain TCP stream: the sender as a program, the receiver as a function.

    python -m tools.bench.streams plain HOST PORT FILE...     send the files to the first who connects
    python -m tools.bench.streams sealed HOST PORT BYTES      send random bytes, sealed by secretstream

Prints "ready" once it listens. Everything is in memory before, so that no disk is measured. A sealed stream is
`key(32) ‖ header(24)`, then frames `length(4) ‖ sealed`; the key travels in clear, for nothing here is secret.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from idas_p2p.crypto.stream import HEADER_SIZE, Mark, Opener, Sealer

FRAME: Final = 262_144  # bytes sealed at once; what measured best for secretstream
BUFFER: Final = 1_048_576  # bytes received at once
_KEY_SIZE: Final = 32
_LENGTH_SIZE: Final = 4


def receive_plain(connection: socket.socket) -> int:
    """Receive until the end; how many bytes."""
    buffer, received = bytearray(BUFFER), 0
    connection.sendall(b"g")
    while size := connection.recv_into(buffer):
        received += size
    return received


def receive_sealed(connection: socket.socket) -> int:
    """Receive a sealed stream until the end; how many bytes it held."""
    received = 0
    connection.sendall(b"g")
    with connection.makefile("rb", buffering=BUFFER) as stream:
        opener = Opener(stream.read(_KEY_SIZE), stream.read(HEADER_SIZE))
        while length := stream.read(_LENGTH_SIZE):
            message = opener.open(stream.read(int.from_bytes(length, "big")))
            received += 0 if isinstance(message, Mark) else len(message)
    return received


def _sealed(data: memoryview) -> Iterator[bytes]:
    key = os.urandom(_KEY_SIZE)
    sealer = Sealer(key)
    yield key + sealer.header
    for start in range(0, len(data), FRAME):
        frame = sealer.seal(bytes(data[start : start + FRAME]))
        yield len(frame).to_bytes(_LENGTH_SIZE, "big") + frame


def main(arguments: list[str]) -> None:
    """Send once."""
    kind, host, port, *words = arguments
    data = b"".join(Path(word).read_bytes() for word in words) if kind == "plain" else os.urandom(int(words[0]))
    with socket.create_server((host, int(port))) as server:
        print("ready", flush=True)
        connection, _ = server.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.recv(1)  # the receiver asks
        if kind == "plain":
            connection.sendall(data)
        for piece in _sealed(memoryview(data)) if kind == "sealed" else ():
            connection.sendall(piece)


if __name__ == "__main__":
    main(sys.argv[1:])
