"""How every member comes to have the newest manifest.

A manifest spreads in three ways, each enough by itself: the admin calls the members it can reach, links compare epochs
when they open, and every member looks at the header in the directory. A member that was away proves the pre-shared key
of the epoch before; it gets the newest manifest for it, and nothing else.
Belongs here: spreading. Not here: what makes a manifest valid (access/manifest.py), the header (headers.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from idas_p2p.access.federation import Federation
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
from idas_p2p.wire.federation import Manifest
from idas_p2p.wire.ids import NodeId

LOOK_INTERVAL: Final = 20.0  # seconds between looks at the header; ours: a removal acts within a minute
PUBLISH_INTERVAL: Final = 3_600.0  # seconds between publications of the same header by the admin; ours
CALL_TIMEOUT: Final = 15.0  # seconds to bring one member a manifest, or to get one from it; ours
MAX_CALLS: Final = 32  # members called at once; ours


class Manifests:
    """Keeps this node's manifest current, and as admin everybody's.

    Args:
        identity: ours.
        federation: the state.
        directory: carries headers.
        invitations: published again with the header.
        links: to members.
        clock: the time.
        tasks: owns background work.
        on_new_secrets: called when the secrets in force changed, or when this node is no member any more.
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
    ) -> None:
        self._identity, self._federation, self._directory = identity, federation, directory
        self._invitations, self._links = invitations, links
        self._clock, self._tasks, self._on_new_secrets = clock, tasks, on_new_secrets
        self._published: tuple[int, float] | None = None  # epoch of the header we published, monotonic seconds
        links.on_newer = self.take_from
        links.on_older = self._start_offering

    def take(self, data: bytes) -> None:
        """Install a manifest that came from anybody.

        Raises:
            RemoteError: it is not a valid successor of ours.
        """
        manifest = Manifest.from_bytes(data)
        if manifest.epoch == self._federation.epoch:
            return
        before = self._federation.secrets if self._federation.is_member else None
        if refusal := self._federation.install(manifest, now=self._clock.now()):
            log_event("manifest_refused", epoch=manifest.epoch, reason=str(refusal))
            raise RemoteError(str(refusal))
        log_event("manifest_installed", epoch=manifest.epoch, count=len(manifest.members))
        if not self._federation.is_member or self._federation.secrets != before:
            self.secrets_changed()

    def secrets_changed(self) -> None:
        """Let go of what was opened with other secrets."""
        self._on_new_secrets()
        self._tasks.start("drop_links", self._links.close())

    async def take_from(self, link: ControlLink) -> None:
        """Get the manifest of a node and install it when it is newer than ours.

        Raises:
            IdasError: there is none to get, or it is not valid.
        """
        async with asyncio.timeout(CALL_TIMEOUT):
            data = await link.manifest()
        if Manifest.from_bytes(data).epoch > self._federation.epoch:
            self.take(data)

    def announce(self) -> None:
        """Bring the manifest in force to everybody, in the background."""
        self._tasks.start("announce_manifest", self._announce())

    async def turn(self) -> float:
        """Renew and publish as admin, look for a newer manifest as member; return seconds until the next turn."""
        if self._federation.is_admin:
            if self._federation.renewal(now=self._clock.now()) is not None:
                self.announce()
            await self._publish()
        elif self._federation.is_member:
            await self._look()
        return LOOK_INTERVAL

    async def _announce(self) -> None:
        manifest = self._federation.require_member()
        data, places = manifest.to_bytes(), asyncio.Semaphore(MAX_CALLS)

        async def offer(node_id: NodeId) -> None:
            async with places:
                await self._offer(node_id, data)

        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_safely())
            for node_id in self._federation.others():
                group.create_task(offer(node_id))

    async def _offer(self, node_id: NodeId, manifest: bytes) -> None:
        """Bring one member the manifest, by the key in force or by the one it may still have."""
        error: IdasError = PeerUnreachable()
        keys = [blinder.secrets.psk for blinder in self._federation.blinders(now=self._clock.now())]
        for psk in keys:
            link: ControlLink | None = None
            try:
                async with asyncio.timeout(CALL_TIMEOUT):
                    link = await self._links.fresh(node_id, psk)
                    await link.offer_manifest(manifest)
                return
            except TimeoutError:
                error = PeerUnreachable()
            except IdasError as failure:
                error = failure
            finally:
                if link is not None:
                    await link.close()
        log_event("member_not_told", peer=node_id.short, reason=error.code)

    def _start_offering(self, link: ControlLink) -> None:
        """A member that just answered has an older manifest than ours."""
        manifest = self._federation.manifest
        if manifest is not None:
            self._tasks.start("offer_manifest", link.offer_manifest(manifest.to_bytes()))

    # -- the header

    async def _publish_safely(self) -> None:
        with suppress(IdasError):  # the next turn tries again
            await self._publish()

    async def _publish(self) -> None:
        """Publish the header, and the invitations that are open, when they are due."""
        manifest, now = self._federation.require_member(), self._clock.monotonic()
        if not self._federation.is_admin or not is_due(self._published, manifest.epoch, now=now):
            return
        (replicas,) = await self._directory.put([header_record(self._identity, manifest, now=self._clock.now())])
        if not replicas:
            raise DirectoryUnreachable("the manifest's header could not be stored")
        for secret, expires in self._federation.open_invitations(now=self._clock.now()):
            await self._invitations.publish(secret, federation_name=manifest.name, expires=expires)
        self._published = manifest.epoch, now

    async def _look(self) -> None:
        manifest = self._federation.require_member()
        for record in await self._directory.get(header_place(manifest).node_id.kademlia_id):
            try:
                header = read_header(record, manifest)
            except BadSignature:
                continue
            if header.epoch > self._federation.epoch:
                await self._fetch()
                return

    async def _fetch(self) -> None:
        """Get the newest manifest from the admin, or from any member that has it."""
        manifest = self._federation.require_member()
        for node_id in dict.fromkeys([manifest.admin, *self._federation.others()]):
            try:
                await self.take_from(await self._links.control(node_id))
            except (TimeoutError, IdasError) as error:
                reason = getattr(error, "code", PeerUnreachable.code)
                log_event("manifest_not_fetched", peer=node_id.short, reason=reason)
            if self._federation.epoch > manifest.epoch:
                return


def is_due(published: tuple[int, float] | None, epoch: int, *, now: float) -> bool:
    """Whether the header of this epoch must be published.

    Args:
        published: epoch and time of the last publication.
        epoch: in force.
        now: in the same seconds.
    """
    return published is None or published[0] != epoch or now - published[1] >= PUBLISH_INTERVAL
