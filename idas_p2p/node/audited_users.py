"""What this node's own users find and retrieve, in the audit log.

Law: a study's name is not shown, and its images are not handed out, before the record of it is written. Belongs here:
who looked at what, and from whom it came. Not here: finding (find.py), retrieving (retrieve.py), when something is
recorded (audited.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Actor, Device, subject, subject_of
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.errors import ArchiveUnreachable, AuditUnavailable, IdasError, PeerUnreachable, RemoteError
from idas_p2p.node.audited import Log, Shown, recorded_hits, recorded_transfer
from idas_p2p.node.find import Finder, Found, Search
from idas_p2p.node.find_parts import FoundPart, PartFinder, PartSearch
from idas_p2p.node.retrieve import Retriever
from idas_p2p.node.transfers import Transfer, Transfers
from idas_p2p.node.wanted import Wanted
from idas_p2p.store.transfers import Direction
from idas_p2p.wire.audit import By, Side, Subject
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total

MAX_REMEMBERED: Final = 20_000  # studies whose patient is known from a query; ours: about 10 MB


def user_at(user: str, by: By, device: Device) -> Actor:
    """A user of this node at a workstation."""
    return Actor(side=Side.REQUESTER, user=user, by=by, device=device)


def operator(user: str) -> Actor:
    """Whoever may open this node's folder, on behalf of a user it names."""
    return Actor(side=Side.REQUESTER, user=user, by=By.OPERATOR)


@dataclass(slots=True)
class _Delivered:
    """Counts what is handed to a user, and notes from whom it came."""

    number: int
    instances: int = 0
    failed: int = 0
    bytes: int = 0
    transfers: list[Transfer] = field(default_factory=list)

    def count(self, event: RetrieveEvent) -> None:
        if isinstance(event, Instance):
            self.instances += 1
            self.bytes += event.data.size
        elif isinstance(event, InstanceFailed):
            self.failed += 1


class AuditedUsers:
    """Finds and retrieves for users of this node.

    Args:
        finder, retriever: do it.
        transfers: tell from whom images come.
        log: the audit log.
        institution: ours.
        name_of: the institution of a member.
        part_finder: finds series and images; None where nobody asks for them.
    """

    def __init__(
        self,
        finder: Finder,
        retriever: Retriever,
        transfers: Transfers,
        log: Log,
        *,
        institution: str,
        name_of: Callable[[NodeId], str | None],
        part_finder: PartFinder | None = None,
    ) -> None:
        self._part_finder = part_finder
        self._finder, self._retriever, self._transfers, self._log = finder, retriever, transfers, log
        self._institution, self._name_of = institution, name_of
        self._seen: OrderedDict[str, Subject] = OrderedDict()

    def find(self, actor: Actor, search: Search) -> AsyncGenerator[Found, None]:
        """As Finder.find."""
        return recorded_hits(self._log.note, actor, search.query, self._finder.find(search), self._shown)

    async def find_parts(self, actor: Actor, search: PartSearch) -> AsyncGenerator[FoundPart, None]:
        """As PartFinder.find; a study is not shown before the record of it is written, once for each holder."""
        if self._part_finder is None:
            return
        noted = set[tuple[str, NodeId | None]]()
        self._log.note(events.queried(actor, search.query.all_keys()))
        try:
            async with aclosing(self._part_finder.find(search)) as found:
                async for one in found:
                    if (key := (one.study.study_uid, one.holder)) not in noted:
                        noted.add(key)
                        self._note_shown(actor, self._shown(Found(one.study, one.holder, is_first=True)))
                    yield one
        except IdasError as error:
            if not isinstance(error, AuditUnavailable):
                self._log.note(events.queried(actor, search.query.all_keys(), reason=error.code))
            raise

    def _note_shown(self, actor: Actor, shown: Shown) -> None:
        by = replace(actor, nodes=(shown.holder,), institution=shown.institution) if shown.holder else actor
        for event in events.shown(by, [shown.subject], level=shown.level):
            self._log.note(event)

    async def retrieve(
        self, actor: Actor, selections: Sequence[Selection], *, priority: Priority = Priority.MEDIUM, to: str = ""
    ) -> AsyncGenerator[RetrieveEvent, None]:
        """As Retriever.retrieve; `to` says where the images go, empty: to the device that asks.

        A study that cannot be had does not hold up the others; why the first of them cannot is raised at the end.
        """
        earlier, failure = 0, None  # instances of the selections before; why one of them did not come
        for selection in selections:
            total = 0
            try:
                async with aclosing(self._one(actor, selection, priority, to)) as events:
                    async for event in events:
                        if isinstance(event, Total):
                            total = event.count
                            yield Total(earlier + total)
                        else:
                            yield event
            except (RemoteError, PeerUnreachable, ArchiveUnreachable) as error:
                failure = failure or error  # the other studies may be had
            earlier += total
        if failure is not None:
            raise failure

    async def _one(
        self, actor: Actor, selection: Selection, priority: Priority, to: str
    ) -> AsyncGenerator[RetrieveEvent, None]:
        delivered, wanted = _Delivered(int.from_bytes(random_bytes(6))), Wanted(selection)
        about = self._seen.get(selection.study_uid) or subject(selection.study_uid)
        events = self._retriever.retrieve(actor.user, [selection], priority=priority)
        recorded = recorded_transfer(
            self._log, actor, about, delivered, to=to, at_end=lambda _: self._given_by(actor, delivered)
        )
        async with recorded, aclosing(events):
            async for event in events:
                if isinstance(event, Total):
                    self._look_for_transfers(actor, selection, delivered)
                delivered.count(event)
                wanted.note(event)
                yield event
            for failed in wanted.missing():
                delivered.count(failed)
                yield failed

    def _look_for_transfers(self, actor: Actor, selection: Selection, delivered: _Delivered) -> None:
        """Remember what runs for this retrieval: when it has ended, it is not in the list any more."""
        wanted = (Direction.IN, selection.study_uid, actor.user)
        for transfer in self._transfers.running.values():
            is_wanted = (transfer.direction, transfer.study_uid, transfer.user) == wanted
            if is_wanted and not any(transfer is one for one in delivered.transfers):
                delivered.transfers.append(transfer)

    def _given_by(self, actor: Actor, delivered: _Delivered) -> Actor:
        nodes = tuple(dict.fromkeys(node for transfer in delivered.transfers for node in transfer.nodes))
        names = [name for transfer in delivered.transfers for name in transfer.partners or [self._institution]]
        return replace(actor, nodes=nodes, institution=", ".join(dict.fromkeys(names)))

    def _shown(self, found: Found) -> Shown:
        shown = subject_of(found.study)
        self._seen[shown.study_uid] = shown
        self._seen.move_to_end(shown.study_uid)
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        if found.holder is None:
            return Shown(shown, institution=self._institution)
        return Shown(shown, holder=found.holder, institution=self._name_of(found.holder) or "")
