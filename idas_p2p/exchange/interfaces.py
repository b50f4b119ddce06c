"""What this room needs from others: a channel, a source of studies, a place to put what arrives; `node` joins them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from idas_p2p.access.subjects import Requester
from idas_p2p.blob import Octets
from idas_p2p.errors import IdasError
from idas_p2p.exchange.codec.choice import LineLook
from idas_p2p.exchange.signed_manifest import Evidence
from idas_p2p.wire.address import Address
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.parts import PartQuery, StudyPart
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

    def line(self) -> LineLook | None:
        """What is known of the line now; None when the path does not tell."""
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


class PartSource(Protocol):
    """Answers queries of other members below studies by this node's policy."""

    def find_parts(self, requester: Requester, query: PartQuery, *, limit: int) -> AsyncIterator[StudyPart]:
        """Yield what matches and may be seen, study by study; raises an IdasError to end the answer with its code."""
        ...


class StudyLease(Protocol):
    """One study pulled from the archive and kept at hand while the lease lasts."""

    def events(self) -> AsyncIterator[RetrieveEvent]:
        """Yield each instance once, as the archive gives it; raises an IdasError when it breaks off. Called once."""
        ...

    async def instance(self, sop_instance_uid: str) -> Instance:
        """An instance that `events` yielded, the same bytes again.

        Raises:
            IdasError: it cannot be had any more.
        """
        ...

    def taken(self, sop_instance_uid: str) -> None:
        """Say that an instance will not be asked for again."""
        ...


class StudySource(Protocol):
    """Gives the images this node holds."""

    def open_study(self, requester: Requester, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        """Yield the selected instances as the archive gives them; raises an IdasError when it cannot."""
        ...

    def open_listed(self, requester: Requester, selection: Selection) -> AbstractAsyncContextManager[StudyLease]:
        """The same, for a requester that chooses among them and may ask for one again."""
        ...


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """Where native pixel data lies in an encoded data set, and how; without rows nothing is known of that.

    Bits stored, sign and number of frames are not here: coders see them in the samples.
    """

    offset: int  # bytes from the start of the data set
    length: int  # bytes
    rows: int = 0
    columns: int = 0
    samples: int = 1  # of a pixel
    bits_allocated: int = 0  # of a sample
    is_planar: bool = False  # planes of a frame one after another; PS3.3 C.7.6.3.1.3
    is_big_endian: bool = False


class PartialInstance(Protocol):
    """The verified beginning of an instance."""

    @property
    def sop_instance_uid(self) -> str:
        """Which instance."""
        ...

    @property
    def digest(self) -> bytes:
        """BLAKE3 of all of it, as announced."""
        ...

    @property
    def size(self) -> int:
        """Bytes of all of it, as announced."""
        ...

    @property
    def kept(self) -> int:
        """Bytes that are here and right: at least one, fewer than `size`."""
        ...


class InstanceWriter(Protocol):
    """Takes the bytes of one instance."""

    def write(self, piece: Octets, digest: bytes | None = None) -> None:
        """Append bytes.

        Args:
            piece: the bytes.
            digest: the first 16 bytes of BLAKE3 of the data set up to the end of this piece; looked at before
                anything is written. Only pieces that came with one are kept by `pause`.

        Raises:
            DigestMismatch: other bytes than the digest says; the instance is aborted.
            SpoolFull: no room left; the instance is aborted.
        """
        ...

    def finish(self) -> Instance:
        """Check size and digest and keep the instance.

        Raises:
            DigestMismatch: not the bytes that were announced; nothing is kept.
            InstanceChanged: another version of it is kept, and stays.
        """
        ...

    def pause(self) -> None:
        """Keep what was written, so that a later `begin` goes on there. Does nothing after `finish` or `abort`."""
        ...

    def abort(self) -> None:
        """Throw away what was written. Does nothing after `finish`, `pause` or `abort`."""
        ...


class TransferSpool(Protocol):
    """Where the instances of one transfer are kept until they are delivered."""

    def instances(self) -> list[Instance]:
        """Those that arrived whole and were verified, in earlier attempts too."""
        ...

    def digests(self) -> Mapping[str, bytes]:
        """BLAKE3 of each of them, by SOP Instance UID."""
        ...

    def partial(self) -> Sequence[PartialInstance]:
        """Those that began to arrive and are not being written now; few."""
        ...

    def drop(self, sop_instance_uid: str) -> None:
        """Forget an instance that arrived whole."""
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
        start: int = 0,
    ) -> InstanceWriter:
        """Start an instance of `size` bytes with this BLAKE3 digest, or go on with one.

        Several writers of one instance may be at work; the first that finishes is kept.

        Args:
            study_uid: and the next four: its names.
            series_uid: see above.
            sop_class_uid: see above.
            sop_instance_uid: see above.
            transfer_syntax_uid: see above.
            size: bytes of all of it.
            digest: of all of it.
            start: `kept` of its PartialInstance with the same size and digest, or 0.

        Raises:
            DigestMismatch: no such beginning is kept.
            SpoolFull: no room for it.
        """
        ...


class FetchWatcher(Protocol):
    """Is told how a retrieval goes."""

    def opened(self, holder: NodeId, channel: Channel) -> None:
        """A holder answered; what comes over this channel belongs to the retrieval."""
        ...

    def interrupted(self, holder: NodeId) -> None:
        """A link broke and will be opened again."""
        ...

    def failed(self, holder: NodeId, error: IdasError) -> None:
        """A holder is given up."""
        ...

    def differs(self, holder: NodeId) -> None:
        """A holder's copy of the study is not like those of the others, and is left out."""
        ...

    def signed(self, holder: NodeId, evidence: Evidence) -> None:
        """A holder signed what it said on one link."""
        ...


class Membership(Protocol):
    """What an answering node knows of its federation."""

    @property
    def epoch(self) -> int:
        """In force; 0 for none."""
        ...

    @property
    def state(self) -> bytes:
        """Eight bytes that are equal for nodes that know the same; empty for none."""
        ...

    def manifest_for(self, known: frozenset[bytes]) -> bytes | None:
        """A manifest in force, encoded, whose digest is none of these."""
        ...

    def take_manifest(self, data: bytes) -> None:
        """Install a manifest if it is a valid successor; raises a RemoteError when it is not."""
        ...

    def is_current_member(self, channel: Channel) -> bool:
        """Whether the peer is on the roster in force and proved the key in force."""
        ...
