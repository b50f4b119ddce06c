"""How every member comes to have the newest manifests.

A manifest spreads in three ways, each enough by itself: who signed it calls the members it can reach, links compare
what both sides know when they open, and every member looks at the headers of the admins in the directory. A member that
was away proves an earlier pre-shared key; it gets the manifests in force for it, and nothing else.
Belongs here: spreading, and having an admin mend what others did at once. Not here: what makes a manifest valid
(access/heads.py), the header (headers.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from idas_p2p.access.federation import Federation
from idas_p2p.access.manifest import ManifestRefusal, digest
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.errors import BadSignature, DirectoryUnreachable, IdasError, PeerUnreachable, RemoteError
from idas_p2p.events import log_event
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.headers import header_place, header_record, read_header
from idas_p2p.node.invitations import Invitations
from idas_p2p.node.links import Links
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.federation import MAX_ADMINS, Manifest
from idas_p2p.wire.ids import NodeId

LOOK_INTERVAL: Final = 20.0  # seconds between looks at the headers; ours: a removal acts within a minute
ALONE_INTERVAL: Final = 2.0  # seconds the same while the directory knows nobody, as at the start; ours
PUBLISH_INTERVAL: Final = 3_600.0  # seconds between publications of the same header by its admin; ours
CALL_TIMEOUT: Final = 15.0  # seconds to bring one member a manifest, or to get one from it; ours
MAX_CALLS: Final = 32  # members called at once; ours


class Manifests:
    """Keeps what this node knows current, and as admin what everybody knows.

    Args:
        identity: ours.
        federation: the state.
        directory: carries headers.
        invitations: published again with the header.
        links: to members.
        clock: the time.
        tasks: owns background work.
        on_new_secrets: called when the secrets in force changed, or when this node is no member any more.
        on_change: called after anything in force may have changed.
    """

    def __init__(
        self,
        identity: SigningKey,
        federation: Federation,
        directory: Directory,
        invitations: Invitations,
        links: Links,
        *,
        clock: Clock,
        tasks: TaskOwner,
        on_new_secrets: Callable[[], None],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._identity, self._federation, self._directory = identity, federation, directory
        self._invitations, self._links = invitations, links
        self._clock, self._tasks, self._on_new_secrets, self._on_change = clock, tasks, on_new_secrets, on_change
        self._published: tuple[bytes, float] | None = None  # digest of what we announced, monotonic seconds

    def take(self, data: bytes) -> None:
        """Put in force a manifest that came from anybody, and mend as admin what that shows to be needed.

        Raises:
            RemoteError: it says nothing that could be put in force here.
        """
        self._take(Manifest.from_bytes(data))
        self.mend()

    def _take(self, manifest: Manifest) -> None:
        if digest(manifest) in self._federation.digests():
            return
        roster, before = self._federation.roster(), self._federation.secrets if self._federation.is_member else None
        known = self._federation.digests()
        if refusal := self._federation.install(manifest, now=self._clock.now()):
            if refusal is ManifestRefusal.NOT_NEWER and manifest.federation == self._federation_id():
                return
            log_event("manifest_refused", epoch=manifest.epoch, reason=str(refusal))
            raise RemoteError(str(refusal))
        if self._federation.digests() == known:
            return
        log_event("manifest_installed", epoch=manifest.epoch, count=len(manifest.members))
        now_in_force = self._federation.secrets if self._federation.is_member else None
        if now_in_force is None or now_in_force != before:
            self.secrets_changed()
        elif roster.keys() - self._federation.roster().keys():
            self._on_new_secrets()  # one admin's removal, whose secrets did not prevail
        self._on_change()

    def secrets_changed(self) -> None:
        """Let go of what was opened with other secrets."""
        self._on_change()
        self._on_new_secrets()
        self._tasks.start("drop_links", self._links.close())

    def mend(self) -> None:
        """As admin, sign what follows from what others did, and bring it to everybody."""
        before = self._federation.secrets if self._federation.is_admin else None
        manifest = self._federation.mend(now=self._clock.now())
        if manifest is None:
            return
        log_event("manifest_mended", epoch=manifest.epoch, count=len(manifest.members))
        if self._federation.secrets != before:
            self.secrets_changed()
        self.announce()

    async def compare(self, link: ControlLink) -> None:
        """Bring a node at the other end of a fresh link and this one to the same; ours go to it in the background.

        Raises:
            IdasError: it does not give what it has, or that is not valid.
        """
        await self.take_from(link)
        if self._federation.state != link.remote_state:
            self._tasks.start("offer_manifests", self._give(link))

    async def take_from(self, link: ControlLink) -> None:
        """Get the manifests in force at a node that we do not know.

        Raises:
            IdasError: it does not give what it has, or that is not valid.
        """
        async with asyncio.timeout(CALL_TIMEOUT):
            for _ in range(MAX_ADMINS):
                data = await link.manifest(self._federation.digests())
                before = self._federation.digests()
                if data is None:
                    break
                self._take(Manifest.from_bytes(data))
                if self._federation.digests() == before:
                    break  # it counts for more there than here
        self.mend()

    async def _give(self, link: ControlLink) -> None:
        for manifest in self._federation.heads():
            await link.offer_manifest(manifest.to_bytes())

    def announce(self, *, also: Iterable[NodeId] = ()) -> None:
        """Bring what is in force to everybody, in the background; also to nodes that were members until now."""
        self._on_change()
        self._tasks.start("announce_manifest", self._announce([*self._federation.others(), *also]))

    async def turn(self) -> float:
        """Mend and publish as admin, look for newer manifests as member; return seconds until the next turn."""
        if self._federation.is_member:
            self.mend()
            await self._look()
        if self._federation.is_admin:
            await self._publish()
        return LOOK_INTERVAL if self._directory.contacts() else ALONE_INTERVAL

    async def _announce(self, nodes: list[NodeId]) -> None:
        places = asyncio.Semaphore(MAX_CALLS)

        async def offer(node_id: NodeId) -> None:
            async with places:
                await self._offer(node_id)

        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_safely())
            for node_id in nodes:
                group.create_task(offer(node_id))

    async def _offer(self, node_id: NodeId) -> None:
        """Bring one member what is in force, by the key in force or by one it may still have."""
        error: IdasError = PeerUnreachable()
        for psk in self._federation.keys_to_try():
            link: ControlLink | None = None
            try:
                async with asyncio.timeout(CALL_TIMEOUT):
                    link = await self._links.fresh(node_id, psk)
                    await self._give(link)
                return
            except TimeoutError:
                error = PeerUnreachable()
            except IdasError as failure:
                error = failure
            finally:
                if link is not None:
                    await link.close()
        log_event("member_not_told", peer=node_id.short, reason=error.code)

    # -- the headers

    async def _publish_safely(self) -> None:
        with suppress(IdasError):  # the next turn tries again
            await self._publish()

    async def _publish(self) -> None:
        """Publish our header, and the invitations that are open, when they are due."""
        manifest, now = self._federation.own_manifest(), self._clock.monotonic()
        name = self._federation.require_member().name
        if not self._federation.is_admin:
            return
        if not is_due(self._published, self._federation.state, now=now):
            return
        if manifest is not None:
            (replicas,) = await self._directory.put([header_record(self._identity, manifest, now=self._clock.now())])
            if not replicas:
                raise DirectoryUnreachable("the manifest's header could not be stored")
        for one in self._federation.invitations(now=self._clock.now()):
            if one.uses_left:
                await self._invitations.publish(one.code_secret, federation_name=name, expires=one.expires)
        self._published = self._federation.state, now

    async def _look(self) -> None:
        """Look at the header of every other admin, and fetch what one announces that we do not know."""
        federation = self._federation_id()
        others = [admin for admin in self._federation.admins() if admin != self._identity.node_id]
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(self._is_news(federation, admin)) for admin in others]
        for admin, look in zip(others, looks, strict=True):
            if look.result():
                await self._fetch(admin)

    async def _is_news(self, federation: bytes, admin: NodeId) -> bool:
        try:
            records = await self._directory.get(header_place(federation, admin).node_id.kademlia_id)
        except IdasError as error:
            log_event("header_not_found", peer=admin.short, reason=error.code)
            return False
        for record in records:
            try:
                header = read_header(record, federation, admin)
            except BadSignature:
                continue
            if header.signed > self._federation.signed_by(admin):
                return True
        return False

    async def _fetch(self, admin: NodeId) -> None:
        """Get what an admin announced from it, or from any member that has it."""
        before = self._federation.signed_by(admin)
        for node_id in dict.fromkeys([admin, *self._federation.others()]):
            link: ControlLink | None = None
            try:
                link = await self._links.fresh(node_id, self._federation.secrets.psk)
                await self.take_from(link)
            except (TimeoutError, IdasError) as error:
                reason = getattr(error, "code", PeerUnreachable.code)
                log_event("manifest_not_fetched", peer=node_id.short, reason=reason)
            finally:
                if link is not None:
                    await link.close()
            if self._federation.signed_by(admin) > before:
                return

    def _federation_id(self) -> bytes:
        manifest = self._federation.manifest
        return manifest.federation if manifest is not None else b""


def is_due(published: tuple[bytes, float] | None, state: bytes, *, now: float) -> bool:
    """Whether the header must be published.

    Args:
        published: what was in force at the last publication, and when.
        state: what is in force.
        now: in the same seconds.
    """
    return published is None or published[0] != state or now - published[1] >= PUBLISH_INTERVAL
