"""Frames in a stream of bytes: `length(4, big-endian) ‖ body(length)`.

Belongs here: where one frame ends, how much is held, and when to stop reading. Not here: sockets (connection.py).
Source: docs/spec/transport.md section 2.
"""

from __future__ import annotations

from typing import Final

from idas_p2p.errors import FrameTooLarge

LENGTH_SIZE: Final = 4  # bytes; protocol
INITIAL_CAPACITY: Final = 4_096  # bytes; ours: what a connection costs before anybody proved who they are
READ_CAPACITY: Final = 65_536  # bytes; ours: of a connection with small messages


def frame_header(size: int) -> bytes:
    """The bytes before a body of `size` bytes."""
    return size.to_bytes(LENGTH_SIZE, "big")


class FrameBuffer:
    """Collect received bytes in place and cut them into frames.

    Memory is bounded by twice the largest frame; it grows only for a frame that was announced, and is kept.

    Args:
        max_frame: bytes of a body; `allow` changes it.
    """

    def __init__(self, *, max_frame: int) -> None:
        self._max_frame = max_frame
        self._data = bytearray(INITIAL_CAPACITY)
        self._start = 0  # of the first frame not yet taken
        self._end = 0  # of what was received

    def __len__(self) -> int:
        return self._end - self._start

    def allow(self, max_frame: int) -> None:
        """Take frames of up to `max_frame` bytes from now on: the other side has proved who it is."""
        self._max_frame = max_frame
        self._replace(max(len(self._data), READ_CAPACITY))

    def space(self) -> memoryview:
        """Where to put the next received bytes; empty when nothing more may be read before a frame is taken."""
        self._make_room()
        return memoryview(self._data)[self._end :]

    def received(self, count: int) -> None:
        """Say that the first `count` bytes of `space` were filled."""
        self._end += count

    @property
    def is_full(self) -> bool:
        """Whether reading must stop until a frame is taken."""
        return self.has_frame and len(self) >= len(self._data) // 2

    @property
    def has_frame(self) -> bool:
        """Whether `take` has something to return or to raise."""
        size = self._announced()
        return size is not None and (size > self._max_frame or len(self) >= LENGTH_SIZE + size)

    def take(self) -> bytes | None:
        """Return the body of the next complete frame, 0 to `max_frame` bytes; None when there is none yet.

        Raises:
            FrameTooLarge: announced length over `max_frame`. The stream is lost; close it.
        """
        size = self._announced()
        if size is None:
            return None
        if size > self._max_frame:
            raise FrameTooLarge(f"{size} bytes announced, {self._max_frame} allowed")
        first, last = self._start + LENGTH_SIZE, self._start + LENGTH_SIZE + size
        if last > self._end:
            return None
        body = bytes(memoryview(self._data)[first:last])
        self._start = last
        if self._start == self._end:
            self._start = self._end = 0
        return body

    def clear(self) -> None:
        """Forget everything received."""
        self._start = self._end = 0

    def _announced(self) -> int | None:
        if len(self) < LENGTH_SIZE:
            return None
        return int.from_bytes(self._data[self._start : self._start + LENGTH_SIZE], "big")

    def _make_room(self) -> None:
        """Grow to hold two of the frame now arriving, and move what is left to the front when the back is short."""
        size = self._announced()
        needed = LENGTH_SIZE + min(size or 0, self._max_frame)
        if needed * 2 > len(self._data):
            self._replace(needed * 2)
        elif self._start and len(self._data) - self._end < needed:
            left = self._data[self._start : self._end]
            self._data[: len(left)] = left
            self._start, self._end = 0, len(left)

    def _replace(self, capacity: int) -> None:
        left = self._data[self._start : self._end]
        self._data = bytearray(capacity)
        self._data[: len(left)] = left
        self._start, self._end = 0, len(left)
