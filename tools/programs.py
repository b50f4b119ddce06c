"""Other programs as child processes: started, waited for until ready, always ended.

Ready means that the program said so or that its port answers; nothing here sleeps for a fixed time and hopes.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
POLL = 0.02  # seconds between two looks at a condition
STOP_GRACE = 15.0  # seconds from SIGTERM to SIGKILL
_PORTS = range(15_000, 30_000)  # below the range from which Linux takes ports by itself


class NotReady(Exception):
    """A program ended or did not get ready in time; the message holds the end of what it said."""


class Program:
    """One child process.

    Args:
        name: for messages and the log's file name.
        command: what to run.
        log: folder that gets `NAME.log` with stderr and `NAME.out` with stdout, of all starts.
        env: variables added to this process's own.
    """

    def __init__(self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.command = list(command)
        self.log_path, self._said_path = log / f"{name}.log", log / f"{name}.out"
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0  # bytes of stdout from earlier starts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the latest start."""
        if self._process is None:
            raise NotReady(f"{self.name} was never started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def said(self) -> str:
        """What the latest start has written to stdout so far."""
        with self._said_path.open("rb") as file:
            file.seek(self._said_before)
            return file.read().decode(errors="replace")

    @property
    def log(self) -> str:
        """What all starts have written to stderr so far."""
        return self.log_path.read_text(errors="replace")

    def start(self, ready: Callable[[], object], *, timeout: float = 30.0) -> Self:
        """Start it and return once `ready()` is true.

        Raises:
            NotReady: it ended, or was not ready after `timeout` seconds; it does not run any more.
        """
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._said_path.open("ab") as said, self.log_path.open("ab") as log:
            self._said_before = said.tell()
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=said, stderr=log, env=self._env
            )
        try:
            wait_until(lambda: ready() or not self.is_running, timeout=timeout)
        except TimeoutError:
            self.kill()
        if not self.is_running:
            raise NotReady(f"{self.name} did not get ready: {self.said}{self.log[-2_000:]}")
        return self

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, *, timeout: float) -> int:
        """Wait for its own end and return its exit status.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout` seconds.
        """
        if self._process is None:
            raise NotReady(f"{self.name} was never started")
        return self._process.wait(timeout)

    def stop(self) -> int | None:
        """End it by SIGTERM, or by SIGKILL when it does not obey; return its exit status."""
        if self._process is None:
            return None
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(STOP_GRACE)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode

    def kill(self) -> None:
        """End it as a crash would: SIGKILL, nothing said."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def wait_until(condition: Callable[[], object], *, timeout: float, what: str = "") -> None:
    """Return as soon as `condition()` is true.

    Raises:
        TimeoutError: it was not, for `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what or 'the awaited condition'}")
        time.sleep(POLL)


def answers(port: int, *, host: str = LOOPBACK) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


_given: set[int] = set()
_given_lock = threading.Lock()


def free_port(*, host: str = LOOPBACK) -> int:
    """A port that is free for TCP and UDP, and that this process has not given away before."""
    with _given_lock:
        for port in random.sample(_PORTS, 1_000):
            if port not in _given and _is_free(host, port):
                _given.add(port)
                return port
    raise OSError("no free port")


def _is_free(host: str, port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
