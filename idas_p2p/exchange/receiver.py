"""What a holder sends on an image link, put together and checked; everything it says is hostile until then.

Law: FetchStart comes first; each instance is one that was asked for and is named once, and no more are named than were
announced; one that is listed comes only when it is wanted, in the order of wanting and as it was listed; the fetch ends
with the holder's signature over all it said. Belongs here: these rules. Not here: the link and its deadlines (link.py),
the bytes of an instance (incoming.py). Source: docs/spec/exchange.md section 4.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from idas_p2p.blob import Octets
from idas_p2p.errors import WireError
from idas_p2p.exchange.codes import error_of
from idas_p2p.exchange.incoming import Incoming
from idas_p2p.exchange.interfaces import TransferSpool
from idas_p2p.exchange.signed_manifest import Evidence, TransferManifest
from idas_p2p.limits import MAX_INSTANCE_SIZE
from idas_p2p.wire.fetching import (
    Chunk,
    FetchEnd,
    FetchStart,
    InstanceHead,
    InstanceListed,
    InstanceLost,
    ListEnd,
    Mode,
    Wanted,
)
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection, Total

MAX_IDLE_STARTS = 64  # corrections of the number of instances beyond one for each instance named; protocol

ReceiverEvent = Total | InstanceListed | ListEnd | Instance | InstanceFailed
"""What a message completes. Where nothing is listed, an instance counts as listed when it begins."""


class Receiver:
    """Takes the messages of one fetch in the order of the link.

    Args:
        selection: what was asked for.
        spool: where instances are kept.
        manifest: sums up what the holder says.
        mode: how it shall come.
    """

    def __init__(
        self, selection: Selection, spool: TransferSpool, *, manifest: TransferManifest, mode: Mode = Mode.ALL
    ) -> None:
        self._selection, self._spool, self._manifest = selection, spool, manifest
        self._is_listed = mode is Mode.LISTED
        self._announced: int | None = None  # instances
        self._starts = 0  # FetchStarts taken
        self._named = dict[str, InstanceListed | None]()  # by SOP Instance UID: as it was listed, None: lost
        self._wanted = deque[Wanted]()  # and neither sent nor lost yet
        self._list_ended = self._is_done = False
        self._current: Incoming | None = None
        self.evidence: Evidence | None = None  # once the holder ended the fetch
        self.is_over = False

    def want(self, wanted: Wanted) -> None:
        """Expect a listed instance."""
        self._wanted.append(wanted)

    def done(self) -> None:
        """Expect the end."""
        self._is_done = True

    def receive(self, message: Any, piece: Octets = b"") -> list[ReceiverEvent]:
        """Take a message, and the decoded bytes if it is a chunk; return what it completes.

        Raises:
            WireError: the holder broke a rule; nothing more may be taken.
            BadSignature: it did not sign what it said.
            RemoteError: it ended the fetch with a code.
            SpoolFull: no room here.
        """
        if isinstance(message, FetchEnd):
            self._end(message)
            return []
        self._manifest.take(message)
        if isinstance(message, FetchStart):
            return self._start(message.total)
        if self._announced is None:
            raise WireError("an image link begins with FetchStart")
        if isinstance(message, InstanceHead):
            return self._begin_wanted(message) if self._is_listed else self._begin(message)
        if isinstance(message, Chunk):
            return self._continue(message, piece)
        if isinstance(message, InstanceLost):
            return self._lose(message)
        if isinstance(message, InstanceListed):
            return self._list(message)
        if isinstance(message, ListEnd):
            return self._end_list(message)
        raise WireError("unexpected message on an image link")

    def pause(self) -> None:
        """Keep what is right of an unfinished instance for a later attempt."""
        if self._current is not None:
            self._current.pause()
        self._current = None

    def _start(self, total: int) -> list[ReceiverEvent]:
        self._starts += 1
        inside = self._current is not None and not self._is_listed
        if inside or self._starts > len(self._named) + MAX_IDLE_STARTS:
            raise WireError("the number of instances is announced inside an instance, or too often")
        is_same, self._announced = self._announced == total, total
        return [] if is_same else [Total(total)]

    def _end(self, end: FetchEnd) -> None:
        if not end.code or not self._manifest.is_empty:
            self.evidence = self._manifest.verify(end.signature)
        if end.code:
            raise error_of(end.code)
        has_all = self._announced is not None and self._current is None and len(self._named) >= self._announced
        if not (self._is_done if self._is_listed else has_all):
            raise WireError("the holder ended before all it had announced")
        self.is_over = True

    def _list(self, listed: InstanceListed) -> list[ReceiverEvent]:
        if not self._is_listed or self._list_ended:
            raise WireError("an instance is listed where there is no list")
        self._name(listed)
        return [listed]

    def _end_list(self, end: ListEnd) -> list[ReceiverEvent]:
        if not self._is_listed or self._list_ended or end.count != len(self._named):
            raise WireError("a list ends where there is none, or counts wrong")
        self._list_ended = True
        return [end]

    def _begin(self, head: InstanceHead) -> list[ReceiverEvent]:
        """An instance as the archive gives it."""
        if self._current is not None:
            raise WireError("an instance begins inside another")
        if head.start:
            raise WireError("an instance does not begin at its beginning")
        listed = _listed(head)
        self._name(listed)
        return [listed, *self._open(head)]

    def _begin_wanted(self, head: InstanceHead) -> list[ReceiverEvent]:
        if self._current is not None:
            raise WireError("an instance begins inside another")
        wanted = self._wanted.popleft() if self._wanted else None
        if wanted != Wanted(sop_instance_uid=head.sop_instance_uid, start=head.start):
            raise WireError("an instance begins that is not wanted now, or elsewhere than it should")
        if _listed(head) != self._named[head.sop_instance_uid]:
            raise WireError("an instance is not as it was listed")
        return self._open(head)

    def _open(self, head: InstanceHead) -> list[ReceiverEvent]:
        self._current = Incoming(head, self._spool, study_uid=self._selection.study_uid)
        return self._outcome(self._current)

    def _continue(self, chunk: Chunk, piece: Octets) -> list[ReceiverEvent]:
        if self._current is None:
            raise WireError("a chunk belongs to no instance")
        self._current.take(chunk, piece)
        return self._outcome(self._current)

    def _outcome(self, current: Incoming) -> list[ReceiverEvent]:
        outcome = current.outcome()
        if current.is_over:
            self._current = None
        return [] if outcome is None else [outcome]

    def _lose(self, message: InstanceLost) -> list[ReceiverEvent]:
        uid, wanted = message.sop_instance_uid, self._selection.sop_instance_uids
        if self._current is not None and self._current.sop_instance_uid == uid:
            was_told = self._current.has_failed
            self.pause()
            if was_told:
                return []
        elif self._wanted and self._wanted[0].sop_instance_uid == uid:
            self._wanted.popleft()
        elif self._current is not None and not self._is_listed:
            raise WireError("an instance is lost inside another")
        elif uid in self._named or self._list_ended or (wanted and uid not in wanted):
            raise WireError("an instance is lost that was sent, lost before, or not asked for")
        else:
            self._count()
            self._named[uid] = None
        return [InstanceFailed(sop_instance_uid=uid, reason=error_of(message.code))]

    def _name(self, listed: InstanceListed) -> None:
        uid = listed.sop_instance_uid
        if not self._selection.includes(series_uid=listed.series_uid, sop_instance_uid=uid):
            raise WireError("an instance was not asked for")
        if uid in self._named:
            raise WireError("an instance is sent again")
        if listed.size > MAX_INSTANCE_SIZE:
            raise WireError("an instance is too large")
        self._count()
        self._named[uid] = listed

    def _count(self) -> None:
        if len(self._named) >= (self._announced or 0):
            raise WireError("more instances than the holder announced")


def _listed(head: InstanceHead) -> InstanceListed:
    return InstanceListed(
        series_uid=head.series_uid,
        sop_class_uid=head.sop_class_uid,
        sop_instance_uid=head.sop_instance_uid,
        transfer_syntax_uid=head.transfer_syntax_uid,
        size=head.size,
        digest=head.digest,
    )
