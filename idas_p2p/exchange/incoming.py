"""One instance while it arrives: its bytes are checked chunk by chunk and written only when right.

Law: after a chunk that is not what its digest says the rest of the instance is thrown away, and it has failed once.
Belongs here: sizes, writing, the outcome. Not here: whether it may come at all (receiver.py), the codings (coding.py).
Source: docs/spec/exchange.md section 5.
"""

from __future__ import annotations

from idas_p2p.blob import Octets
from idas_p2p.errors import ChannelClosed, DigestMismatch, InstanceChanged, WireError
from idas_p2p.exchange.interfaces import InstanceWriter, TransferSpool
from idas_p2p.wire.fetching import Chunk, InstanceHead
from idas_p2p.wire.instance import Instance, InstanceFailed


class Incoming:
    """An instance that began.

    Args:
        head: how it began.
        spool: where it is kept.
        study_uid: whose it is.

    Raises:
        SpoolFull: no room for it.
    """

    def __init__(self, head: InstanceHead, spool: TransferSpool, *, study_uid: str) -> None:
        self.sop_instance_uid = head.sop_instance_uid
        self._left = head.size - head.start  # bytes
        self._failure: InstanceFailed | None = None  # not told yet
        self.has_failed = False
        self._writer: InstanceWriter | None = None
        try:
            self._writer = spool.begin(
                study_uid=study_uid,
                series_uid=head.series_uid,
                sop_class_uid=head.sop_class_uid,
                sop_instance_uid=head.sop_instance_uid,
                transfer_syntax_uid=head.transfer_syntax_uid,
                size=head.size,
                digest=head.digest,
                start=head.start,
            )
        except DigestMismatch:  # not the holder's fault: the beginning was taken up elsewhere, or is gone
            self._failure = self._failed(ChannelClosed("the beginning of an instance is gone"))

    @property
    def is_over(self) -> bool:
        """Whether all its bytes have come."""
        return self._left == 0

    def take(self, chunk: Chunk, piece: Octets) -> None:
        """Take the next chunk and its decoded bytes.

        Raises:
            WireError: it is empty, or longer than what is left of the instance.
            SpoolFull: no room left.
        """
        if not 0 < chunk.size <= self._left:
            raise WireError("a chunk is empty, or longer than its instance")
        self._left -= chunk.size
        if self._writer is None:
            return
        try:
            self._writer.write(piece, chunk.digest)
        except DigestMismatch as error:
            self._writer, self._failure = None, self._failed(error)

    def outcome(self) -> Instance | InstanceFailed | None:
        """What became of it, told once; None while that is open or after it was told."""
        failure, self._failure = self._failure, None
        if failure is not None or self._writer is None or self._left:
            return failure
        writer, self._writer = self._writer, None
        try:
            return writer.finish()
        except DigestMismatch as error:
            return self._failed(error)
        except InstanceChanged:  # not this holder's fault either: it was wanted of another before
            return self._failed(ChannelClosed("another version of the instance is here"))

    def pause(self) -> None:
        """Keep what is right of it for a later attempt."""
        if self._writer is not None:
            self._writer.pause()
        self._writer = None

    def _failed(self, reason: ChannelClosed | DigestMismatch) -> InstanceFailed:
        self.has_failed = True
        return InstanceFailed(sop_instance_uid=self.sop_instance_uid, reason=reason)
