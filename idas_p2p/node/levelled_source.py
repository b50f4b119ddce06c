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
from idas_p2p.dicom.levels.engine import Parts
from idas_p2p.errors import LocalError
from idas_p2p.exchange.interfaces import StudyLease, StudySource
from idas_p2p.node.levelling import View
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection

MAX_KEPT: Final = 8_388_608  # bytes of new heads that one transfer keeps; ours: those of about 1,000 images


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
            async for one in shown:
                yield one.event

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
        self._kept = OrderedDict[str, Parts]()
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
            async for one in shown:
                if isinstance(one.event, Instance) and one.parts is not None:
                    self._names[one.event.sop_instance_uid] = one.name
                    self._keep(one.event.sop_instance_uid, one.parts)
                yield one.event

    async def instance(self, sop_instance_uid: str) -> Instance:
        """As StudyLease.instance."""
        instance = await self._inner.instance(self._names.get(sop_instance_uid, ""))
        parts = self._kept.get(sop_instance_uid)
        if parts is not None:
            return self._view.joined(instance, parts)
        return (await self._view.instance(instance))[0]

    def taken(self, sop_instance_uid: str) -> None:
        """As StudyLease.taken."""
        self._let_go(sop_instance_uid)
        self._inner.taken(self._names.get(sop_instance_uid, ""))

    def _keep(self, sop_instance_uid: str, parts: Parts) -> None:
        """Keep the new parts of what was listed, since it is wanted soon; the old bytes are kept by the pull."""
        self._kept[sop_instance_uid] = parts
        self._kept_size += len(parts.head) + len(parts.tail)
        while self._kept_size > MAX_KEPT:
            self._let_go(next(iter(self._kept)))

    def _let_go(self, sop_instance_uid: str) -> None:
        if (kept := self._kept.pop(sop_instance_uid, None)) is not None:
            self._kept_size -= len(kept.head) + len(kept.tail)
