"""The options of every TCP socket of this room.

The receive buffer is left to the kernel, which tunes it up to several MiB: an explicit size ends that tuning and is cut
to `net.core.rmem_max`, 208 KiB on a stock machine. So is the send buffer, unless this machine allows a larger one than
tuning reaches: on a line that loses packets the kernel keeps two round trips' bytes. What waits unsent is bounded, so
that little lies ahead of an urgent message. A dead peer is noticed within DEAD_PEER_TIMEOUT even when nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from idas_p2p.transport.pacing import LineState
from idas_p2p.wire.address import Address

NOT_SENT_LOW: Final = 1_048_576  # bytes the kernel holds beyond what is in flight; ours
DEAD_PEER_TIMEOUT: Final = 45  # seconds without an acknowledgement; ours
CONGESTION = b"bbr"  # many times faster than CUBIC on a line that loses packets; tools measure others

PORT_TRIES: Final = 20  # of some 28,000 ports the kernel gives away hardly any is taken; ours
SEND_BUFFER: Final = 8_388_608  # bytes, the kernel's own overhead included; ours: 200 Mbit/s over 160 ms, twice

_OPTIONS: Final[tuple[tuple[int, str, int | bytes], ...]] = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.IPPROTO_TCP, "TCP_NOTSENT_LOWAT", NOT_SENT_LOW),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", DEAD_PEER_TIMEOUT * 1_000),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", DEAD_PEER_TIMEOUT // 3),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", DEAD_PEER_TIMEOUT // 3),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
)


def tune(transport: asyncio.BaseTransport) -> None:
    """Set what this machine knows of the options; none of them is needed to work."""
    if (sock := transport.get_extra_info("socket")) is None:  # a data channel
        return
    for level, name, value in (*_OPTIONS, (socket.IPPROTO_TCP, "TCP_CONGESTION", CONGESTION)):
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(level, getattr(socket, name), value)
    if _largest_send_buffer() > _most_tuned():
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER // 2)  # the kernel doubles it


def _largest_send_buffer() -> int:
    """Bytes that a program may ask for; the kernel doubles what it is asked for, up to its bound."""
    return min(SEND_BUFFER, 2 * _kernel_number("core/wmem_max"))


def _most_tuned() -> int:
    """Bytes up to which the kernel tunes by itself."""
    return _kernel_number("ipv4/tcp_wmem")


@functools.cache
def _kernel_number(name: str) -> int:
    """The last number of a setting; 0 where there is none."""
    try:
        return int(Path("/proc/sys/net", name).read_text("ascii").split()[-1])
    except (OSError, ValueError, IndexError):
        return 0


def with_port(address: Address) -> Address:
    """The same address with a port where port 0 asks for any: one that is free for TCP and UDP at this moment.

    Raises:
        OSError: no port of this host is free for both.
    """
    if address.port:
        return address
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    for _ in range(PORT_TRIES):
        with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            tcp.bind((address.host, 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind((address.host, port))
                return Address(address.host, port)
    raise OSError(f"no port of {address.host} is free for both TCP and UDP")


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
    if (sock := transport.get_extra_info("socket")) is None:  # a data channel, which measures it itself
        told: float | None = transport.get_extra_info("round_trip")
        return told
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SRTT + 4)
        (microseconds,) = struct.unpack_from("=I", info, _TCP_INFO_SRTT)
    except (OSError, ValueError, AttributeError, struct.error):  # ValueError: uvloop, of a socket that is closed
        return None
    return float(microseconds) / 1e6


_TCP_INFO_ACKED: Final = 120  # bytes before tcpi_bytes_acked (u64); Linux 4.1


def acknowledged(transport: asyncio.BaseTransport) -> int:
    """Bytes that the other end's kernel has said it has; 0 where ours does not tell."""
    sock = transport.get_extra_info("socket")
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_ACKED + 8)
        (acked,) = struct.unpack_from("=Q", info, _TCP_INFO_ACKED)
    except (OSError, ValueError, AttributeError, struct.error):  # ValueError: uvloop, of a socket that is closed
        return 0
    return int(acked)


_TCP_INFO_APP_LIMITED: Final = 7  # bytes before the byte whose lowest bit is tcpi_delivery_rate_app_limited
_TCP_INFO_MIN_RTT: Final = 148  # bytes before tcpi_min_rtt (u32, microseconds)
_TCP_INFO_DELIVERY: Final = 160  # bytes before tcpi_delivery_rate (u64, bytes a second); then tcpi_busy_time (u64)
_TCP_INFO_SIZE: Final = 184  # bytes up to the end of tcpi_rwnd_limited (u64, microseconds); Linux 4.10


def line_state(transport: asyncio.BaseTransport) -> LineState | None:
    """What the kernel knows of the line; None where it does not tell."""
    sock = transport.get_extra_info("socket")
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
        (round_trip_us,) = struct.unpack_from("=I", info, _TCP_INFO_SRTT)
        (shortest_us,) = struct.unpack_from("=I", info, _TCP_INFO_MIN_RTT)
        arriving, held_us = struct.unpack_from("=Q8xQ", info, _TCP_INFO_DELIVERY)
    except (OSError, ValueError, AttributeError, struct.error):  # ValueError: uvloop, of a socket that is closed
        return None
    return LineState(
        round_trip=round_trip_us / 1e6,
        shortest=shortest_us / 1e6,
        arriving=float(arriving),
        is_full=not info[_TCP_INFO_APP_LIMITED] & 1,
        held=held_us / 1e6,
    )


def limit_unsent(transport: asyncio.BaseTransport, size: int) -> None:
    """Let the kernel hold at most so many bytes beyond what is in flight. Ignored where it cannot."""
    sock = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, size)


_SO_MAX_PACING_RATE: Final = 47  # asm-generic/socket.h; Python does not name it
_UNPACED: Final = 0xFFFF_FFFF  # what the kernel takes as no limit in 32 bits


def pace(transport: asyncio.BaseTransport, rate: float | None) -> None:
    """Let the kernel send at most `rate` bytes a second, evenly; None for no limit. Ignored where it cannot."""
    sock = transport.get_extra_info("socket")
    value = _UNPACED if rate is None else max(1, min(int(rate), _UNPACED - 1))
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, struct.pack("=I", value))
