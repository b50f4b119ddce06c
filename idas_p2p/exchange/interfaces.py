"""What this room needs from others: a channel, a source of studies, a place to put what arrives.

`node` joins them: channels come from transport, sources from archives, the spool from store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from idas_p2p.access.policy import Requester
from idas_p2p.wire.address import Address
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.query import StudyQuery


class Channel(Protocol):
    """Whole messages to and from one proven node; ordered, confidential, never merged or split."""

    @property
    def peer(self) -> NodeId:
        """The node at the other end, proved by the handshake."""
        ...

    @property
    def psk_id(self) -> bytes:
        """Which pre-shared key the handshake proved."""
        ...

    @property
    def path(self) -> str:
        """The kind of network path: direct, relay, ..."""
        ...

    @property
    def remote(self) -> Address:
        """Where the other end is."""
        ...

    @property
    def round_trip(self) -> float | None:
        """Seconds to the other end and back now, queues included; None when unknown."""
        ...

    async def send(self, message: bytes) -> None:
        """Send one message; waits while the other side is slow.

        Raises:
            ChannelClosed: the connection is gone.
        """
        ...

    async def receive(self) -> bytes:
        """The next message.

        Raises:
            ChannelClosed: the connection is gone.
            FrameTooLarge, BadSignature: the other side broke the protocol; the connection is closed.
        """
        ...

    async def close(self) -> None:
        """End the connection; may be called again."""
        ...


class FindSource(Protocol):
    """Answers queries of other members by this node's policy."""

    def find(self, requester: Requester, query: StudyQuery, *, limit: int) -> AsyncIterator[Hit]:
        """Yield what matches and may be seen; raises an IdasError to end the answer with its code."""
        ...


class StudySource(Protocol):
    """Gives the images this node holds."""

    def open_study(self, requester: Requester, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        """Yield the selected instances as the archive gives them; raises an IdasError when it cannot."""
        ...


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """Where native pixel data lies in an encoded data set."""

    offset: int  # bytes from the start of the data set
    length: int  # bytes


class InstanceWriter(Protocol):
    """Takes the bytes of one instance."""

    def write(self, piece: bytes) -> None:
        """Append bytes.

        Raises:
            SpoolFull: no room left.
        """
        ...

    def finish(self) -> Instance:
        """Check size and digest and keep the instance.

        Raises:
            DigestMismatch: not the bytes that were announced; nothing is kept.
        """
        ...

    def abort(self) -> None:
        """Throw away what was written."""
        ...


class TransferSpool(Protocol):
    """Where the instances of one transfer are kept until they are delivered."""

    def instances(self) -> list[Instance]:
        """Those that arrived whole and were verified, in earlier attempts too."""
        ...

    def begin(
        self,
        *,
        study_uid: str,
        series_uid: str,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        size: int,
        digest: bytes,
    ) -> InstanceWriter:
        """Start an instance of `size` bytes with this BLAKE2b-256 digest.

        Raises:
            SpoolFull: no room for it.
        """
        ...
