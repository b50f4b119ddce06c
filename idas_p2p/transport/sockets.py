"""The options of every TCP socket of this room.

Buffer sizes are left to the kernel, which tunes them up to several MiB: an explicit size ends that tuning and is cut to
`net.core.rmem_max`, 208 KiB on a stock machine. What waits unsent is bounded instead, so that little lies ahead of an
urgent message. A dead peer is noticed within DEAD_PEER_TIMEOUT even when nothing is being sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import Any, Final

from idas_p2p.wire.address import Address

NOT_SENT_LOW: Final = 1_048_576  # bytes the kernel holds beyond what is in flight; ours
DEAD_PEER_TIMEOUT: Final = 45  # seconds without an acknowledgement; ours

_OPTIONS: Final[tuple[tuple[int, str, int | bytes], ...]] = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.IPPROTO_TCP, "TCP_CONGESTION", b"bbr"),  # many times faster than CUBIC on a line that loses packets
    (socket.IPPROTO_TCP, "TCP_NOTSENT_LOWAT", NOT_SENT_LOW),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", DEAD_PEER_TIMEOUT * 1_000),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", DEAD_PEER_TIMEOUT // 3),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", DEAD_PEER_TIMEOUT // 3),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
)


def tune(transport: asyncio.BaseTransport) -> None:
    """Set what this machine knows of the options; none of them is needed to work."""
    sock = transport.get_extra_info("socket")
    for level, name, value in _OPTIONS:
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(level, getattr(socket, name), value)


def remote_address(transport: asyncio.BaseTransport) -> Address:
    """The address of the other end, without an IPv6 zone."""
    return socket_address(transport.get_extra_info("peername"))


def socket_address(name: Sequence[Any] | None) -> Address:
    """An address as the socket module gives it; 0.0.0.0:0 when the connection is gone already."""
    host, port = name[:2] if name else ("0.0.0.0", 0)  # noqa: S104
    host = host.partition("%")[0]
    mapped = host.removeprefix("::ffff:")
    return Address(mapped if "." in mapped else host, port)


_TCP_INFO_SRTT: Final = 68  # bytes before tcpi_rtt (u32, microseconds) in struct tcp_info, linux/tcp.h


def round_trip(transport: asyncio.BaseTransport) -> float | None:
    """The kernel's smoothed round-trip time in seconds, waiting in queues included; None where it does not tell."""
    sock = transport.get_extra_info("socket")
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SRTT + 4)
        (microseconds,) = struct.unpack_from("=I", info, _TCP_INFO_SRTT)
    except (OSError, AttributeError, struct.error):
        return None
    return float(microseconds) / 1e6
