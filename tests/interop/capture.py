"""Every packet of given ports on the loopback, or on all devices, as the kernel shows it to a raw socket."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from types import TracebackType
from typing import Self

_ALL_PROTOCOLS = 0x0003  # ETH_P_ALL, <linux/if_ether.h>
_IPV4 = 4  # version in the first byte; the socket leaves out whatever header the device has
_TCP, _UDP = 6, 17  # IANA protocol numbers
_RECEIVE_BUFFER = 256 * 1024 * 1024  # bytes, so that nothing is missed while the thread waits for a core
_AFTERWARDS = 0.5  # seconds for packets that wait in the socket's buffer
_SO_RCVBUFFORCE = 33  # <asm-generic/socket.h>


def why_not() -> str | None:
    """Why packets cannot be captured here; None when they can."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except (OSError, AttributeError) as error:
        return f"capturing packets needs root on Linux: {error}"
    return None


class Capture:
    """Payloads of TCP segments and UDP datagrams from or to the given ports while the `with` block runs.

    Args:
        ports: either end's.
        device: where; an empty name means every device.
    """

    def __init__(self, ports: Collection[int], *, device: str = "lo") -> None:
        self.segments: list[bytes] = []
        self.datagrams: list[bytes] = []
        self._ports = frozenset(ports)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        if device:
            self._socket.bind((device, 0))
        self._socket.settimeout(0.2)
        self._end = float("inf")  # monotonic time after which nothing is taken any more
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end = time.monotonic() + _AFTERWARDS
        self._thread.join()
        self._socket.close()

    def _receive(self) -> None:
        while time.monotonic() < self._end:
            with suppress(TimeoutError):
                self._sort(self._socket.recv(1 << 17))

    def _sort(self, packet: bytes) -> None:
        if len(packet) < 20 or packet[0] >> 4 != _IPV4:
            return
        protocol, rest = packet[9], packet[(packet[0] & 15) * 4 :]
        if protocol not in (_TCP, _UDP) or self._ports.isdisjoint(struct.unpack("!HH", rest[:4])):
            return
        if protocol == _UDP:
            self.datagrams.append(rest[8:])
        elif payload := rest[(rest[12] >> 4) * 4 :]:
            self.segments.append(payload)
