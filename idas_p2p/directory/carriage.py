"""Datagrams over a stream, for nodes whose network lets no UDP out: the form of the stream.

    stream  = greeting ‖ frames, each way after the client's greeting
    frame   = size(2) of what follows ‖ size of the IP address(1: 4 or 16) ‖ IP address ‖ port(2) ‖ datagram

The address is where the datagram goes to, or where it came from. Datagrams are sealed end to end, so that the carrier
reads nothing of them. Belongs here: bytes. Not here: carrying (carrier.py), connecting (carried.py).
Source: docs/spec/directory.md section 12.
"""

from __future__ import annotations

from idas_p2p.errors import WireError
from idas_p2p.limits import MAX_DATAGRAM_SIZE
from idas_p2p.wire.rpc import Endpoint, Socket

GREETING = b"idas carriage 1\n"
MAX_FRAME_SIZE = 1 + 16 + 2 + MAX_DATAGRAM_SIZE  # bytes without the size in front


def frame(endpoint: Endpoint, datagram: bytes) -> bytes:
    """One datagram to or from an endpoint."""
    place = Socket.of(endpoint)
    body = bytes([len(place.ip)]) + place.ip + place.port.to_bytes(2, "big") + datagram
    return len(body).to_bytes(2, "big") + body


class FrameReader:
    """Cuts a stream into frames; holds at most one that is incomplete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[Endpoint, bytes]]:
        """Take the next received bytes and return the datagrams now complete.

        Raises:
            WireError: not a frame. The stream is lost; close it.
        """
        self._rest += data
        found: list[tuple[Endpoint, bytes]] = []
        while len(self._rest) >= 2:
            size = int.from_bytes(self._rest[:2], "big")
            if not 0 < size <= MAX_FRAME_SIZE:
                raise WireError(f"a frame of {size} bytes")
            if len(self._rest) < 2 + size:
                break
            body, self._rest = self._rest[2 : 2 + size], self._rest[2 + size :]
            found.append(_read(body))
        return found


def _read(body: bytes) -> tuple[Endpoint, bytes]:
    end = 1 + body[0]
    if len(body) < end + 2:
        raise WireError("a frame cut short")
    place = Socket(ip=body[1:end], port=int.from_bytes(body[end : end + 2], "big"))
    if not place.port or len(body) - end - 2 > MAX_DATAGRAM_SIZE:
        raise WireError("a frame without a port, or with too much in it")
    return place.endpoint, body[end + 2 :]
