"""The line itself: the same bytes by one TCP stream, and on loopback our coded bytes by TCP and secretstream.

The sender is a process of its own (streams.py), the receiver this one. What they carry are the study's files end to
end, or as many random bytes as our holder sent in its latest run: coded images do not compress either.
"""

from __future__ import annotations

import abc
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import ClassVar

from tools.bench.competitors.base import NODE_TO_NODE, Changed, Competitor, Run
from tools.bench.course import Course
from tools.bench.streams import receive_plain, receive_sealed
from tools.programs import free_port

CONNECT_TIMEOUT = 30.0  # seconds
PATIENCE = 600.0  # seconds without a byte


class Stream(Competitor):
    """One stream from the hospital to the practice; its time begins before it connects."""

    against = NODE_TO_NODE
    kind: ClassVar[str]

    def __init__(self, course: Course) -> None:
        super().__init__(course)
        self._size = sum(path.stat().st_size for path in course.study.files)
        self._received = 0

    @abc.abstractmethod
    def arguments(self) -> list[str]:
        """What the sender is told to send."""

    @abc.abstractmethod
    def receive(self, connection: socket.socket) -> int:
        """Receive until the end; how many bytes."""

    def move(self) -> Run:
        """Connect and receive until the end."""
        where = (self.course.hospital.address, free_port())
        command = [sys.executable, "-m", "tools.bench.streams", self.kind, where[0], str(where[1]), *self.arguments()]
        with self.course.hospital.inside():
            sender = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert sender.stdout is not None
        with sender, sender.stdout, self.course.practice.inside():
            sender.stdout.readline()  # it listens
            started = time.monotonic()
            with socket.create_connection(where, timeout=CONNECT_TIMEOUT) as connection:
                connection.settimeout(PATIENCE)
                self._received = self.receive(connection)
            return Run(seconds=time.monotonic() - started)

    def check(self) -> None:
        """See that all came."""
        if self._received != self._size:
            raise Changed(f"{self._received} of {self._size} bytes came")


class PlainTcp(Stream):
    """The study's files, one after the other."""

    name, words, kind = "tcp", "plain TCP, one stream, the same files", "plain"

    def arguments(self) -> list[str]:
        """The files."""
        return [str(path) for path in self.course.study.files]

    def receive(self, connection: socket.socket) -> int:
        """As it comes."""
        return receive_plain(connection)


class SealedTcp(Stream):
    """As many bytes as our holder sent, by TCP and libsodium's secretstream."""

    name, words, kind = "tcp-sealed", "plain TCP and secretstream, our coded bytes", "sealed"
    loopback_only = True

    def prepare(self, latest: Mapping[str, Run]) -> None:
        """As many bytes as our holder sent in its latest run; the files' size when it did not run."""
        ours = latest.get(NODE_TO_NODE)
        self._size = (ours and ours.coded_bytes) or self._size

    def arguments(self) -> list[str]:
        """How many bytes."""
        return [str(self._size)]

    def receive(self, connection: socket.socket) -> int:
        """Open each frame."""
        return receive_sealed(connection)
