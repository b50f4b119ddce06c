"""A stranger who means harm: raw datagrams, made-up identities, replays and floods against a running node."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.sessions import Sessions
from idas_p2p.wire.address import Contact
from idas_p2p.wire.datagrams import CHALLENGE, CHALLENGE_SIZE, HANDSHAKE, HELLO, HELLO_SIZE, MAX_REPLY_SIZE, SEALED
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import ReplyMessage, Request, decode_message, encode_request

CLOCK = SystemClock()
ANSWER_TIMEOUT = 2.0  # seconds


def rubbish(rng: random.Random, count: int) -> Iterator[bytes]:
    """Datagrams of every kind and size, none of them sound."""
    kinds = (HELLO, CHALLENGE, HANDSHAKE, SEALED, 0, 255)
    sizes = (0, 1, 16, 17, HELLO_SIZE - 1, HELLO_SIZE, HELLO_SIZE + 1, CHALLENGE_SIZE, 161, 1_280, 1_281, 9_000, 60_000)
    for _ in range(count):
        data = rng.randbytes(rng.choice(sizes))
        yield bytes([rng.choice(kinds)]) + data[1:] if data else b""


@dataclass
class Stranger:
    """One identity at one socket, which may send anything to one node."""

    target: Contact
    identity: SigningKey

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect((self.target.address.host, self.target.address.port))
        self.sessions = Sessions(self.identity, random_bytes=random_bytes)
        self.sent: list[bytes] = []
        self.bytes_in = 0
        self.bytes_out = 0

    @property
    def endpoint(self) -> tuple[str, int]:
        return (self.target.address.host, self.target.address.port)

    def send(self, data: bytes) -> None:
        """Send a datagram; what the system cannot take is lost, as in a flood."""
        self.sent.append(data)
        self.bytes_out += len(data)
        try:
            self.socket.send(data)
        except OSError:
            return

    async def flood(self, datagrams: Iterator[bytes], *, burst: int = 200) -> None:
        """Send as fast as the system takes it, letting others run in between."""
        for number, data in enumerate(datagrams):
            self.send(data)
            if number % burst == burst - 1:
                await asyncio.sleep(0)

    async def receive(self) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(self.socket, 65_536)
        self.bytes_in += len(data)
        return data

    def drain(self) -> int:
        """Throw away what has arrived; how many datagrams."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(65_536)
                count += 1
        return count

    def seal(self, message: bytes) -> bytes | None:
        return self.sessions.send(self.target.node_id, self.endpoint, message, now=CLOCK.monotonic())

    async def ask(self, request: Request, *, is_server: bool = False) -> object:
        """Open a session where needed, ask properly, and return the checked reply; TimeoutError when none comes."""
        self.drain()
        request_id = random_bytes(8)
        message = encode_request(request_id, request, is_server=is_server)
        self.send(self.seal(message) or b"")
        async with asyncio.timeout(ANSWER_TIMEOUT):
            while True:
                got = self.sessions.receive(await self.receive(), self.endpoint, now=CLOCK.monotonic())
                if got.send_again:
                    self.send(self.seal(message) or b"")
                elif got.message is not None:
                    reply = decode_message(got.message)
                    if isinstance(reply, ReplyMessage) and reply.request_id == request_id:
                        return reply.read(request)

    def close(self) -> None:
        self.socket.close()


def forged_handshakes(recorded: Sequence[bytes], victim: NodeId, count: int) -> Iterator[bytes]:
    """Handshakes of a session that was opened properly, with another node's name in them."""
    handshakes = [data for data in recorded if data and data[0] == HANDSHAKE]
    for number in range(count):
        data = handshakes[number % len(handshakes)]
        yield data[:57] + victim.raw + data[89:]


def nonsense(rng: random.Random, count: int) -> Iterator[bytes]:
    """Messages that open well and mean nothing."""
    for _ in range(count):
        yield rng.choice((b"", b"\x95\x00", b"\x93\x01")) + rng.randbytes(rng.randrange(MAX_REPLY_SIZE - 2))
