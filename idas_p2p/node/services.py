"""What the node offers to the LAN (dicom.services.Services): each DIMSE request becomes a call to its own file.

Belongs here: who asks, and where an instance that arrives belongs. Not here: finding, retrieving, storing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.services import Caller
from idas_p2p.errors import AccessDenied, UnknownDestination
from idas_p2p.node.callers import Callers
from idas_p2p.node.embedded import EmbeddedStore
from idas_p2p.node.find import Finder, Search
from idas_p2p.node.retrieve import Retriever
from idas_p2p.store.settings import Settings
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study


class NodeServices:
    """The node as its workstations and archives see it.

    Args:
        aet: ours.
        callers: recognises devices.
        settings: workstations as destinations.
        finder, retriever, embedded, inbound: do the work.
    """

    def __init__(
        self,
        aet: str,
        callers: Callers,
        settings: Settings,
        *,
        finder: Finder,
        retriever: Retriever,
        embedded: EmbeddedStore,
        inbound: Inbound,
    ) -> None:
        self._aet, self._callers, self._settings = aet, callers, settings
        self._finder, self._retriever, self._embedded, self._inbound = finder, retriever, embedded, inbound

    async def admit(self, caller: Caller) -> None:
        """Let in configured devices only; UnknownCaller for others."""
        self._callers.check(caller)

    async def find(self, caller: Caller, query: StudyQuery) -> AsyncIterator[Study]:
        """Yield each study of the federation once."""
        self._require_workstation(caller)
        search = Search(user=self._callers.user(caller), query=query)
        await self._embedded.update_catalog()
        async with aclosing(self._finder.find(search)) as found:  # type: ignore[type-var]
            async for one in found:
                if one.is_first:
                    yield one.study

    async def destination(self, caller: Caller, aet: str) -> RemoteAE:
        """The configured workstation with this AE title; UnknownDestination when there is none."""
        for workstation in self._settings.workstations():
            if workstation.aet == aet:
                return RemoteAE(aet=aet, address=workstation.address, calling_aet=self._aet)
        raise UnknownDestination

    async def retrieve(self, caller: Caller, selections: Sequence[Selection]) -> AsyncIterator[RetrieveEvent]:
        """Yield a Total and the instances."""
        self._require_workstation(caller)
        user = self._callers.user(caller)
        await self._embedded.update_catalog()
        async with aclosing(self._retriever.retrieve(user, selections)) as events:  # type: ignore[type-var]
            async for event in events:
                yield event

    async def store(self, caller: Caller, instance: Instance) -> None:
        """Give an instance to the fetch that waits for it, else keep it in the embedded archive.

        Raises:
            AccessDenied: an archive sends what nobody waits for, such as the rest of a retrieval that was cancelled.
        """
        if await self._inbound.offer(caller.aet, instance):
            return
        if self._callers.workstation(caller) is None:
            raise AccessDenied("no retrieval waits for this instance")
        await self._embedded.store(instance)

    def _require_workstation(self, caller: Caller) -> None:
        """An archive stores and echoes; asking is for workstations, whose user is known."""
        if self._callers.workstation(caller) is None:
            raise AccessDenied("only a configured workstation may ask; use: idas workstation add")
