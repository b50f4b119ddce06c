"""One node's link at the relay: frames, handshake, sealed messages.

Belongs here: the form and the order of what comes. Not here: what is granted (relay.py, reservations.py).
Source: docs/spec/relay.md sections 2 and 3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.relaying import Keys, LinkResponder
from idas_p2p.crypto.stream import HEADER_SIZE, Mark, Opener, Sealer
from idas_p2p.errors import BadSignature, HandshakeFailed, WireError
from idas_p2p.transport.framing import LENGTH_SIZE, frame_header
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import MAX_RELAY_FRAME, Refused, RelayMessage, RelayRefusal, from_bytes, to_bytes

MESSAGE_RATE: Final = 4.0  # messages a second from one node; ours, it needs one in 25
MESSAGE_BURST: Final = 1_024  # at once; ours: 30 ms of a core
MAX_UNSENT: Final = 16_384  # bytes of messages a node has not taken, at which it is given up; ours


class Fault(StrEnum):
    """Why a connection is closed without a word; docs/spec/relay.md section 6."""

    BAD_GREETING = "bad_greeting"
    BAD_HANDSHAKE = "bad_handshake"
    BAD_MESSAGE = "bad_message"
    BAD_NONCE = "bad_nonce"
    TOO_LARGE = "too_large"
    TIMED_OUT = "timed_out"
    SILENT = "silent"
    NOT_READING = "not_reading"
    TOO_OFTEN = "too_often"
    TOO_MANY_HALF_OPEN = "too_many_half_open"
    TOO_MANY_FROM_HOST = "too_many_from_host"


class Owner(Protocol):
    """What a link tells the relay."""

    def on_message(self, link: RelayLink, message: RelayMessage) -> None:
        """A node that has proved its key says something."""
        ...

    def on_fault(self, link: RelayLink, fault: Fault) -> None:
        """The link must be closed."""
        ...

    def on_lost(self, link: RelayLink) -> None:
        """The connection is closed."""
        ...


class RelayLink(asyncio.Protocol):
    """A link; small, for a relay has ten thousand of them.

    Args:
        identity: the relay's.
        owner: is told everything.
        clock: monotonic seconds.
    """

    __slots__ = (
        "_clock", "_free_at", "_keys", "_opener", "_owner", "_responder", "_rest", "_sealer", "_take",
        "heard_at", "is_pending", "is_reserved", "made_at", "node", "transport",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, identity: SigningKey, owner: Owner, *, clock: Callable[[], float]) -> None:
        self._owner, self._clock = owner, clock
        self._responder: LinkResponder | None = LinkResponder(identity, random_bytes=random_bytes)
        self._take: Callable[[bytes], None] | None = self._take_hello
        self._rest = b""
        self._keys: Keys | None = None
        self._sealer: Sealer | None = None
        self._opener: Opener | None = None
        self.node: NodeId | None = None  # who has proved its key
        self.is_reserved = False
        self.is_pending = False  # a dialer that waits for its target
        self.made_at = self.heard_at = self._free_at = clock()

    def begin(self, transport: asyncio.Transport, early: bytes) -> None:
        """Take over a connection whose greeting has been read."""
        self.transport = transport
        transport.set_protocol(self)
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        """Take whole frames, in order, until one of them makes this connection something else."""
        self._rest += data
        while not self.is_pending and len(self._rest) >= LENGTH_SIZE and not self.transport.is_closing():
            end = LENGTH_SIZE + int.from_bytes(self._rest[:LENGTH_SIZE], "big")
            if end > LENGTH_SIZE + MAX_RELAY_FRAME:
                self._owner.on_fault(self, Fault.TOO_LARGE)
                return
            if len(self._rest) < end:
                return
            body, self._rest = self._rest[LENGTH_SIZE:end], self._rest[end:]
            self._take_frame(body)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._take = None  # it refers to this link
        self._owner.on_lost(self)

    def send(self, message: RelayMessage) -> None:
        """Send one message; a node that takes none is given up."""
        if self._sealer is None or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            self._owner.on_fault(self, Fault.NOT_READING)
            return
        self._write(self._sealer.seal(to_bytes(message)))

    def refuse(self, refusal: RelayRefusal) -> None:
        """Say why not, and end."""
        self.send(Refused.because(refusal))
        self.transport.close()

    def release(self) -> bytes:
        """Give the connection away; what has come from the node and was not taken."""
        rest, self._rest, self._take = self._rest, b"", None
        return rest

    def _write(self, body: bytes) -> None:
        self.transport.write(frame_header(len(body)) + body)

    def _take_frame(self, body: bytes) -> None:
        self.heard_at = self._clock()
        try:
            if self._take is not None:
                self._take(body)
        except HandshakeFailed:
            self._owner.on_fault(self, Fault.BAD_HANDSHAKE)
        except (BadSignature, WireError):
            self._owner.on_fault(self, Fault.BAD_MESSAGE)

    def _take_hello(self, body: bytes) -> None:
        assert self._responder is not None
        self._write(self._responder.read_hello(body))
        self._take = self._take_introduction

    def _take_introduction(self, body: bytes) -> None:
        assert self._responder is not None
        self.node, self._keys = self._responder.read_introduction(body)
        self._responder = None
        self._take = self._take_opening

    def _take_opening(self, body: bytes) -> None:
        assert self._keys is not None
        send_key, receive_key = self._keys
        self._keys = None
        self._opener = Opener(receive_key, body[:HEADER_SIZE])
        if self._opener.open(body[HEADER_SIZE:]) != b"":
            raise BadSignature("not the opening of a stream")
        self._sealer = Sealer(send_key)
        self._write(self._sealer.header + self._sealer.seal(b""))
        self._take = self._take_message

    def _take_message(self, body: bytes) -> None:
        assert self._opener is not None
        message = self._opener.open(body)
        if isinstance(message, Mark):
            self.transport.close()
        elif self._is_flooding():
            self._owner.on_fault(self, Fault.TOO_OFTEN)
        else:
            self._owner.on_message(self, from_bytes(message))

    def _is_flooding(self) -> bool:
        """Count a message; whether there were too many (GCRA, ITU-T I.371)."""
        self._free_at = max(self._free_at, self.heard_at) + 1.0 / MESSAGE_RATE
        return self._free_at - self.heard_at > MESSAGE_BURST / MESSAGE_RATE
