"""What a holder sends on an image link, put together and checked; everything it says is hostile until then.

Law: FetchStart comes first; each instance is one that was asked for, is not here yet and comes once; no more are named
than were announced; FetchEnd without a code comes when all announced ones came, were lost, or were here before.
Belongs here: these rules. Not here: the link, deadlines (fetch.py), the bytes of chunks (coding.py).
Source: docs/spec/exchange.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from idas_p2p.errors import DigestMismatch, WireError
from idas_p2p.exchange.codes import error_of
from idas_p2p.exchange.coding import Decoder
from idas_p2p.exchange.interfaces import InstanceWriter, TransferSpool
from idas_p2p.limits import MAX_INSTANCE_SIZE
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.messages import Chunk, FetchEnd, FetchStart, InstanceHead, InstanceLost, instance_mark

MAX_IDLE_STARTS = 64  # corrections of the number of instances beyond one for each instance named; protocol


class Receiver:
    """Takes the messages of one fetch in the order of the link.

    Args:
        selection: what was asked for.
        spool: where instances are kept.
        present: those it has of the selection.
        have: marks of those that the holder was told not to send.
    """

    def __init__(
        self, selection: Selection, spool: TransferSpool, *, present: Sequence[Instance], have: Iterable[bytes]
    ) -> None:
        self._selection, self._spool = selection, spool
        self._present, self._have = present, frozenset(have)
        self._decoder = Decoder()
        self._announced: int | None = None  # instances
        self._starts = 0  # FetchStarts taken
        self._told = -1  # the last Total that was returned
        self._named = set[str]()  # SOP Instance UIDs that began or were lost
        self._all = {instance.sop_instance_uid for instance in present}  # the same, and those that were here before
        self._current: tuple[InstanceHead, InstanceWriter] | None = None
        self._received = 0  # bytes of the current instance
        self.is_over = False

    def receive(self, message: Any) -> list[RetrieveEvent]:
        """Take a message; return what it completes.

        Raises:
            WireError: the holder broke a rule; nothing more may be taken.
            RemoteError: it ended the fetch with a code.
            SpoolFull: no room here.
        """
        if isinstance(message, FetchStart):
            return self._start(message.total)
        if isinstance(message, FetchEnd):
            self._end(message.code)
            return []
        if self._announced is None:
            raise WireError("an image link begins with FetchStart")
        if isinstance(message, InstanceHead):
            return self._begin(message)
        if isinstance(message, Chunk):
            return self._continue(message)
        if isinstance(message, InstanceLost):
            return self._lose(message)
        raise WireError("unexpected message on an image link")

    def abort(self) -> None:
        """Throw away an unfinished instance."""
        if self._current is not None:
            self._current[1].abort()
        self._current = None

    def _start(self, total: int) -> list[RetrieveEvent]:
        self._starts += 1
        if self._current is not None or self._starts > len(self._named) + MAX_IDLE_STARTS:
            raise WireError("the number of instances is announced inside an instance, or too often")
        is_first, self._announced = self._announced is None, total
        events: list[RetrieveEvent] = [*self._total(max(total, len(self._all)))]
        return [*events, *self._present] if is_first else events

    def _end(self, code: str) -> None:
        if code:
            raise error_of(code)
        if self._announced is None or self._current is not None or len(self._all) < self._announced:
            raise WireError("the holder ended before all it had announced")
        self.is_over = True

    def _begin(self, head: InstanceHead) -> list[RetrieveEvent]:
        uid = head.sop_instance_uid
        if self._current is not None:
            raise WireError("an instance begins inside another")
        if not self._selection.includes(series_uid=head.series_uid, sop_instance_uid=uid):
            raise WireError("an instance was not asked for")
        if instance_mark(uid) in self._have or uid in self._named:
            raise WireError("an instance is sent again")
        if head.size > MAX_INSTANCE_SIZE:
            raise WireError("an instance is too large")
        self._name(uid)
        writer = self._spool.begin(
            study_uid=self._selection.study_uid,
            series_uid=head.series_uid,
            sop_class_uid=head.sop_class_uid,
            sop_instance_uid=uid,
            transfer_syntax_uid=head.transfer_syntax_uid,
            size=head.size,
            digest=head.digest,
        )
        self._current, self._received = (head, writer), 0
        return self._finish(head, writer) if head.size == 0 else []

    def _continue(self, chunk: Chunk) -> list[RetrieveEvent]:
        if self._current is None:
            raise WireError("a chunk belongs to no instance")
        head, writer = self._current
        if not 0 < chunk.size <= head.size - self._received:
            raise WireError("a chunk is empty, or longer than its instance")
        writer.write(self._decoder.decode(head.series_uid, chunk, first=self._received == 0))
        self._received += chunk.size
        return self._finish(head, writer) if self._received == head.size else []

    def _finish(self, head: InstanceHead, writer: InstanceWriter) -> list[RetrieveEvent]:
        self._current = None
        try:
            instance = writer.finish()
        except DigestMismatch as error:
            return self._counted(InstanceFailed(sop_instance_uid=head.sop_instance_uid, reason=error))
        return self._counted(instance)

    def _lose(self, message: InstanceLost) -> list[RetrieveEvent]:
        uid, wanted = message.sop_instance_uid, self._selection.sop_instance_uids
        if self._current is not None:
            if self._current[0].sop_instance_uid != uid:
                raise WireError("an instance is lost inside another")
            self.abort()
        elif uid in self._named or (wanted and uid not in wanted):
            raise WireError("an instance is lost that was sent, lost before, or not asked for")
        elif uid in self._all:
            return []  # the holder has lost what is here
        else:
            self._name(uid)
        return self._counted(InstanceFailed(sop_instance_uid=uid, reason=error_of(message.code)))

    def _name(self, uid: str) -> None:
        if len(self._named) >= (self._announced or 0):
            raise WireError("more instances than the holder announced")
        self._named.add(uid)
        self._all.add(uid)

    def _counted(self, event: Instance | InstanceFailed) -> list[RetrieveEvent]:
        """The event, after a correction of the total when together with those that were here there are more."""
        return [*self._total(max(self._told, len(self._all))), event]

    def _total(self, count: int) -> list[Total]:
        if count == self._told:
            return []
        self._told = count
        return [Total(count)]
