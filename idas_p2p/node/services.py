"""What the node offers to the LAN (dicom.services.Services): each DIMSE request becomes a call to its own file.

Belongs here: who asks, and where an instance that arrives belongs. Not here: finding, retrieving, storing.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from idas_p2p.access.audit.events import Actor, Device, Note, ignore, signed_in
from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.commitment import Answered, Requested
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.services import Caller, Remarks
from idas_p2p.errors import AccessDenied, IdasError, SignInRefused, UnknownCaller
from idas_p2p.exchange.find import Asked
from idas_p2p.node.audited_users import AuditedUsers, user_at
from idas_p2p.node.callers import Callers
from idas_p2p.node.commitments import StorageCommitment
from idas_p2p.node.destinations import destination
from idas_p2p.node.embedded import EmbeddedStore
from idas_p2p.node.find import Search
from idas_p2p.node.find_parts import PartSearch
from idas_p2p.node.permits import RECHECK_INTERVAL
from idas_p2p.node.refusals import Refusals
from idas_p2p.node.stored import StoredStudies
from idas_p2p.store.settings import Settings
from idas_p2p.wire.audit import By
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection
from idas_p2p.wire.parts import PartQuery, StudyPart
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study


class NodeServices:
    """The node as its workstations and archives see it.

    Args:
        aet: ours.
        callers: recognises devices.
        settings: workstations as destinations.
        bridge: runs what blocks.
        users: finds and retrieves for users, recorded.
        embedded, inbound: take what is stored.
        commitment: answers for it.
        tls: for devices that are called over TLS.
        shows_own: whether queries find what our own archives hold.
        clock: the time.
        note: writes down who signed in, and who was turned away.
    """

    def __init__(
        self,
        aet: str,
        callers: Callers,
        settings: Settings,
        bridge: Bridge,
        *,
        users: AuditedUsers,
        embedded: EmbeddedStore,
        inbound: Inbound,
        commitment: StorageCommitment,
        tls: ssl.SSLContext | None = None,
        shows_own: bool = True,
        clock: Clock,
        note: Note = ignore,
    ) -> None:
        self._commitment, self._tls, self._shows_own = commitment, tls, shows_own
        self._clock, self._note, self._refusals = clock, note, Refusals(note, clock)
        self._aet, self._callers, self._settings, self._bridge = aet, callers, settings, bridge
        self._users, self._embedded, self._inbound = users, embedded, inbound
        self._stored = StoredStudies(note, clock, embedded.study)
        embedded.on_turn = self._stored.turn

    async def admit(self, caller: Caller) -> None:
        """Let in configured devices only; UnknownCaller for others, SignInRefused for a wrong password."""
        device = Device(aet=caller.aet, address=caller.address)
        try:
            identity = await self._bridge.run(self._callers.check, caller)
        except UnknownCaller as error:
            self._refusals.add(device, error.code)
            raise
        except SignInRefused as refused:
            self._note(signed_in(caller.user_name or "", device=device, by=By.PASSWORD, reason=refused.code))
            raise
        if identity is not None and identity.by is not By.NOTHING:
            self._note(signed_in(identity.user, device=device, by=identity.by))

    async def find(
        self, caller: Caller, query: StudyQuery, *, remarks: Remarks | None = None
    ) -> AsyncGenerator[Study, None]:
        """Yield each study of the federation once."""
        actor = await self._actor(caller)
        await self._embedded.update_catalog()
        search = Search(user=actor.user, query=query, with_own=self._shows_own)
        async with aclosing(self._users.find(actor, search)) as found:
            async for one in found:
                if one.is_first:
                    yield one.study
        _remark(remarks, search.asked)

    async def find_parts(
        self, caller: Caller, query: PartQuery, *, remarks: Remarks | None = None
    ) -> AsyncGenerator[StudyPart, None]:
        """Yield each series or image of the federation once."""
        actor = await self._actor(caller)
        await self._embedded.update_catalog()
        search = PartSearch(user=actor.user, query=query, with_own=self._shows_own)
        async with aclosing(self._users.find_parts(actor, search)) as found:
            async for one in found:
                yield StudyPart(one.study, one.part)
        _remark(remarks, search.asked)

    async def destination(self, caller: Caller, aet: str) -> RemoteAE:
        """The configured workstation with this AE title; UnknownDestination when there is none."""
        return destination(self._settings, aet, calling_aet=self._aet, tls=self._tls)

    async def retrieve(
        self, caller: Caller, selections: Sequence[Selection], priority: Priority, *, destination: str = ""
    ) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield a Total and the instances."""
        actor = await self._actor(caller)
        await self._embedded.update_catalog()
        asked_at = self._clock.monotonic()
        async with aclosing(self._users.retrieve(actor, selections, priority=priority, to=destination)) as events:
            async for event in events:
                if self._clock.monotonic() - asked_at >= RECHECK_INTERVAL:
                    asked_at = self._clock.monotonic()
                    if not await self._bridge.run(self._callers.may_go_on, caller, actor.user):
                        raise AccessDenied("the user or the workstation was removed")
                yield event

    async def store(self, caller: Caller, instance: Instance) -> str:
        """Give an instance to the fetch that waits for it, else keep it in the embedded archive.

        Raises:
            AccessDenied: an archive sends what nobody waits for, such as the rest of a retrieval that was cancelled.
        """
        if await self._inbound.offer(caller.aet, instance):
            return ""
        if await self._bridge.run(self._callers.workstation, caller) is None:
            raise AccessDenied("no retrieval waits for this instance")
        device, size = Device(aet=caller.aet, address=caller.address), instance.data.size
        try:
            remark = await self._embedded.store(instance)
        except IdasError:
            self._stored.add(device, instance.study_uid, size=0, is_stored=False)
            raise
        self._stored.add(device, instance.study_uid, size=size)
        return remark

    def close(self) -> None:
        """Record what was stored until now; nothing more may come."""
        self._stored.close()

    async def commitment_asked(self, caller: Caller, asked: Requested) -> None:
        """Owe a workstation the answer which of the instances it sent are safe; AccessDenied for anybody else."""
        if await self._bridge.run(self._callers.workstation, caller) is None:
            raise AccessDenied("only a configured workstation may ask; use: idas workstation add")
        await self._commitment.asked(caller.aet, asked)

    async def commitment_result(self, caller: Caller, transaction_uid: str, *, claim: float) -> Answered | None:
        """The answer as of now; None when it was told."""
        return await self._commitment.result(caller.aet, transaction_uid, claim=claim)

    async def commitment_told(self, caller: Caller, transaction_uid: str) -> None:
        """It needs to be told no more."""
        await self._commitment.told(caller.aet, transaction_uid)

    async def commitment_answered(self, caller: Caller, answered: Answered) -> None:
        """Give an archive's report to whoever waits for it."""
        self._commitment.answered(answered)

    async def store_refused(self, caller: Caller, sop_instance_uid: str, reason: IdasError) -> None:
        """Pass it on to the fetches that wait for this archive."""
        self._inbound.refused(caller.aet, InstanceFailed(sop_instance_uid=sop_instance_uid, reason=reason))

    async def _actor(self, caller: Caller) -> Actor:
        """Who asks. An archive stores and echoes; asking is for workstations, whose user is known."""
        if await self._bridge.run(self._callers.workstation, caller) is None:
            raise AccessDenied("only a configured workstation may ask; use: idas workstation add")
        user = await self._bridge.run(self._callers.user, caller)
        identity = await self._bridge.run(self._callers.identity, caller)
        return user_at(user, identity.by, Device(aet=caller.aet, address=caller.address))


def _remark(remarks: Remarks | None, asked: Asked) -> None:
    if remarks is not None:
        remarks.unanswered, remarks.asked = len(asked.unanswered), len(asked.unanswered) + len(asked.answered)
