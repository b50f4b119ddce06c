"""The studies of this node as a level shows them: each instance changed, under the name it goes by there.

Law: what is listed and what is sent later are the same bytes. Belongs here: names, and keeping the last few. Not here:
levelling (levelling.py), the pull (shelf.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from types import TracebackType
from typing import Final, Self

from idas_p2p.access.subjects import Requester
from idas_p2p.errors import LocalError
from idas_p2p.exchange.interfaces import StudyLease, StudySource
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.node.levelling import View
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection

MAX_KEPT: Final = 8_388_608  # bytes of levelled instances one transfer keeps; ours: what was listed is wanted soon


class LevelledSource:
    """A source of studies (exchange.interfaces.StudySource).

    Args:
        source: gives them as they are.
        view: the level.
    """

    def __init__(self, source: StudySource, view: View) -> None:
        self._source, self._view = source, view

    async def open_study(self, requester: Requester, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        """As StudySource.open_study, by the names that the level gives."""
        inner = self._source.open_study(requester, self._view.selection(selection))
        async with aclosing(inner) as events, aclosing(self._view.events(events, selection)) as shown:  # type: ignore[type-var]
            async for event, _ in shown:
                yield event

    def open_listed(self, requester: Requester, selection: Selection) -> AbstractAsyncContextManager[StudyLease]:
        """As StudySource.open_listed, by the names that the level gives."""
        lease = self._source.open_listed(requester, self._view.selection(selection))
        return LevelledLease(lease, self._view, selection)


class LevelledLease:
    """A lease whose instances are as a level shows them, while entered as a context manager.

    Args:
        lease: of the study as it is.
        view: the level.
        asked: what of it, by the names it goes by at the level.
    """

    def __init__(self, lease: AbstractAsyncContextManager[StudyLease], view: View, asked: Selection) -> None:
        self._context, self._view, self._asked = lease, view, asked
        self._lease: StudyLease | None = None
        self._names = dict[str, str]()  # the archive's, by those at the level
        self._kept = OrderedDict[str, Instance]()
        self._kept_size = 0

    async def __aenter__(self) -> Self:
        self._lease = await self._context.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._context.__aexit__(kind, error, trace)

    @property
    def _inner(self) -> StudyLease:
        if self._lease is None:
            raise LocalError("a lease was used before it was entered")
        return self._lease

    async def events(self) -> AsyncGenerator[RetrieveEvent, None]:
        """As StudyLease.events."""
        async with (
            aclosing(self._inner.events()) as events,  # type: ignore[type-var]
            aclosing(self._view.events(events, self._asked)) as shown,
        ):
            async for event, name in shown:
                if isinstance(event, Instance):
                    self._names[event.sop_instance_uid] = name
                    self._keep(event)
                yield event

    async def instance(self, sop_instance_uid: str) -> Instance:
        """As StudyLease.instance."""
        kept = self._kept.get(sop_instance_uid)
        if kept is not None:
            return kept
        return await self._view.instance(await self._inner.instance(self._names.get(sop_instance_uid, "")))

    def taken(self, sop_instance_uid: str) -> None:
        """As StudyLease.taken."""
        self._let_go(sop_instance_uid)
        self._inner.taken(self._names.get(sop_instance_uid, ""))

    def _keep(self, instance: Instance) -> None:
        """Keep the last few, since what is listed is wanted soon."""
        if instance.data.size > CHUNK_SIZE:
            return
        self._kept[instance.sop_instance_uid] = instance
        self._kept_size += instance.data.size
        while self._kept_size > MAX_KEPT:
            self._let_go(next(iter(self._kept)))

    def _let_go(self, sop_instance_uid: str) -> None:
        if (kept := self._kept.pop(sop_instance_uid, None)) is not None:
            self._kept_size -= kept.data.size
