"""How others see a UDP socket of this machine: one socket, several STUN servers.

Belongs here: asking, from a socket made for the question. Not here: what the answers mean (node/doctor), addresses for
a connection (ice.py). Source: RFC 8489 sections 6 and 14.2; docs/spec/transport.md section 12.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from aioice import stun

from idas_p2p.errors import IdasError
from idas_p2p.wire.address import Address

TIMEOUT: Final = 2.0  # seconds; ours
QUESTION_SIZE: Final = 48  # bytes: an answer is never larger than its question, docs/spec/transport.md section 12
MAX_WAITING: Final = 64  # datagrams; ours


async def observed_as(servers: Sequence[Address], *, timeout: float = TIMEOUT) -> tuple[int, list[Address]]:
    """Ask each server at which address it sees one and the same socket.

    Args:
        servers: over IPv4; one that does not answer within `timeout` seconds is left out.
        timeout: seconds for all of them together.

    Returns:
        The socket's own port, and what was seen, in the order of the answers.
    """
    loop, answers = asyncio.get_running_loop(), asyncio.Queue[bytes](maxsize=MAX_WAITING)
    transport, _ = await loop.create_datagram_endpoint(lambda: _Asking(answers), local_addr=("0.0.0.0", 0))  # noqa: S104
    waiting: set[bytes] = set()
    seen: list[Address] = []
    try:
        for server in servers:
            question = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, secrets.token_bytes(12))
            question.attributes["SOFTWARE"] = "idas".ljust(QUESTION_SIZE - 24)
            with suppress(OSError, UnicodeError):
                found = await loop.getaddrinfo(server.host, server.port, family=socket.AF_INET)
                transport.sendto(bytes(question), found[0][4][:2])
                waiting.add(question.transaction_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while waiting:
                    if (answer := _read(await answers.get(), waiting)) is not None:
                        seen.append(answer)
        return int(transport.get_extra_info("sockname")[1]), seen
    finally:
        transport.close()


def _read(data: bytes, waiting: set[bytes]) -> Address | None:
    """The address in an answer to one of the questions, which then waits no more; None for anything else."""
    try:
        told = stun.parse_message(data)
        address = Address(*told.attributes["XOR-MAPPED-ADDRESS"])
        waiting.remove(told.transaction_id)
    except (ValueError, KeyError, TypeError, IdasError):
        return None
    return address


class _Asking(asyncio.DatagramProtocol):
    """Keeps what arrives, as far as there is room."""

    def __init__(self, answers: asyncio.Queue[bytes]) -> None:
        self._answers = answers

    def datagram_received(self, data: bytes, addr: object) -> None:
        with suppress(asyncio.QueueFull):
            self._answers.put_nowait(data)
