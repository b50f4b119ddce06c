"""How this node comes to be a member, and how every member comes to have the newest manifest.

A manifest spreads in three ways, each enough by itself: the admin calls the members it can reach, links compare epochs
when they open, and every member looks at the header in the directory. Belongs here: spreading and joining. Not here:
what makes a manifest valid (access/manifest.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from idas_p2p.access.federation import Federation, psk_id
from idas_p2p.access.invitation import Invitation
from idas_p2p.access.manifest import digest
from idas_p2p.clock import Clock
from idas_p2p.crypto.box import open_sealed, seal
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey, random_bytes, verify
from idas_p2p.crypto.noise import Psk
from idas_p2p.crypto.records import sign_record
from idas_p2p.directory.service import Directory
from idas_p2p.errors import (
    BadCode,
    BadConfiguration,
    BadSignature,
    IdasError,
    RemoteError,
    WireError,
)
from idas_p2p.events import log_event
from idas_p2p.exchange.control import ControlLink
from idas_p2p.exchange.fetch import error_of
from idas_p2p.exchange.interfaces import Channel
from idas_p2p.node.links import Links
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.dialer import dial
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.federation import InviteRecord, Manifest, ManifestHeader
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import JoinRequest, ManifestOffer, RequestEnd, decode_message, encode_message
from idas_p2p.wire.schema import decode, encode

HEADER_INTERVAL: Final = 20.0  # seconds between looks at the manifest header; ours: a removal acts within a minute
HEADER_PUBLISH_INTERVAL: Final = 3_600.0  # seconds between publications of the header by the admin; ours
JOIN_TIMEOUT: Final = 20.0  # seconds for each step of joining; ours
HEADER_CONTEXT: Final = b"idas manifest header 1"  # domain separation of the header's signature; protocol


class Membership:
    """Keeps this node's federation state current.

    Args:
        identity: ours.
        institution: our name.
        federation: the state.
        directory: carries headers and invitations.
        links: to members.
        contact: what to write in an invitation: a bootstrap node, or ourselves.
        own_addresses: where we can be dialled.
        clock: the time.
        tasks: owns background work.
        on_new_secrets: called when the epoch's secrets changed: every record must move.
    """

    def __init__(
        self,
        identity: SigningKey,
        institution: str,
        federation: Federation,
        directory: Directory,
        links: Links,
        *,
        contact: Callable[[], Contact],
        own_addresses: Callable[[], tuple[Address, ...]],
        clock: Clock,
        tasks: TaskOwner,
        on_new_secrets: Callable[[], None],
    ) -> None:
        self._identity, self._institution, self._federation = identity, institution, federation
        self._directory, self._links, self._contact, self._own_addresses = directory, links, contact, own_addresses
        self._clock, self._tasks, self._on_new_secrets = clock, tasks, on_new_secrets
        links.on_newer_epoch = self._compare

    # -- asked by the operator

    def create(self, name: str) -> Manifest:
        """Found a federation."""
        manifest = self._federation.create(self._institution, name, now=self._clock.now())
        self._announce()
        return manifest

    async def invite(self, *, lifetime: float, uses: int) -> str:
        """Make an invitation and return its code; it is usable when this returns.

        Args:
            lifetime: seconds.
            uses: how many nodes may join with it.

        Raises:
            NotAnAdmin, NotAMember: this node cannot invite.
        """
        now = self._clock.now()
        invitation = Invitation(secret=random_bytes(16), contact=self._contact())
        self._federation.invite(invitation, expires=now + lifetime, uses=uses, now=now)
        await self._publish_invitation(invitation.secret, int(now + lifetime))
        return invitation.to_code()

    async def join(self, code: str) -> Manifest:
        """Become a member with a code.

        Raises:
            BadCode: not a valid code, or the inviter refused it.
            BadConfiguration: this node is a member already.
            PeerUnreachable, DirectoryUnreachable: somebody needed did not answer.
        """
        if self._federation.is_member:
            raise BadConfiguration("this node belongs to a federation already")
        invitation = Invitation.from_code(code)
        record = await self._invite_record(invitation)
        channel = await dial(
            self._identity,
            record.inviter,
            record.addresses,
            purpose=Purpose.JOIN,
            psk=Psk(psk_id=psk_id(invitation.psk), key=invitation.psk),
            timeout=JOIN_TIMEOUT,
        )
        try:
            await channel.send(encode_message(JoinRequest(institution=self._institution)))
            async with asyncio.timeout(JOIN_TIMEOUT):
                answer = decode_message(await channel.receive())
        except TimeoutError:
            raise BadCode("the inviting node did not answer; try again") from None
        finally:
            await channel.close()
        if not isinstance(answer, ManifestOffer):
            code = answer.code if isinstance(answer, RequestEnd) else ""
            raise BadCode("the inviting node refused: the code is used up, or the institution name is taken") from (
                error_of(code)
            )
        manifest = Manifest.from_bytes(answer.manifest)
        if refusal := self._federation.install(manifest, now=self._clock.now(), admin=record.inviter):
            raise RemoteError(f"the inviting node sent a manifest that is not valid: {refusal}")
        log_event("joined", epoch=manifest.epoch, count=len(manifest.members))
        self._on_new_secrets()
        return manifest

    async def remove(self, name: str) -> Manifest:
        """Remove a member and change all secrets."""
        manifest = self._federation.remove(name, now=self._clock.now())
        self._on_new_secrets()
        for node_id in list(self._links.peers):
            await self._links.drop(node_id)
        self._announce()
        return manifest

    # -- asked by other nodes (exchange.answer.Membership)

    @property
    def epoch(self) -> int:
        """Of the newest manifest; 0 for none."""
        return self._federation.epoch

    def manifest_bytes(self) -> bytes | None:
        """The newest manifest, encoded."""
        return self._federation.manifest.to_bytes() if self._federation.manifest else None

    def take_manifest(self, data: bytes) -> None:
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
            self._on_new_secrets()
            self._tasks.start("drop_links", self._drop_all())

    def is_current_member(self, channel: Channel) -> bool:
        """Whether the peer is on the roster in force and proved the key in force."""
        return self._federation.is_current(channel.psk_id) and self._federation.institution(channel.peer) is not None

    def find_psk(self, purpose: Purpose, wanted: bytes) -> bytes | None:
        """The pre-shared key a handshake asks for, or None when there is none for this purpose."""
        if purpose is Purpose.JOIN:
            return self._federation.find_invitation_psk(wanted, now=self._clock.now())
        return self._federation.find_member_psk(wanted)

    def admits(self, peer: NodeId, purpose: Purpose, proved: bytes) -> bool:
        """Whether a peer that proved a key may have a channel.

        One that proved the key in force may be newer on the roster than our manifest: it may open a control link and
        show us the newer manifest, and nothing else until then.
        """
        if purpose is Purpose.JOIN:
            return True
        if self._federation.institution(peer) is not None:
            return purpose is Purpose.CONTROL or self._federation.is_current(proved)
        return purpose is Purpose.CONTROL and self._federation.is_current(proved)

    async def answer_join(self, channel: Channel) -> None:
        """Admit a node whose handshake proved an invitation."""
        async with asyncio.timeout(JOIN_TIMEOUT):
            request = decode_message(await channel.receive())
        if not isinstance(request, JoinRequest):
            raise WireError("a joining link begins with a JoinRequest")
        try:
            manifest = self._federation.admit(
                channel.peer, request.institution, proved=channel.psk_id, now=self._clock.now()
            )
        except IdasError as error:
            await channel.send(encode_message(RequestEnd(number=0, code=error.code)))
            log_event("join_refused", peer=channel.peer.short, reason=error.code)
            return
        await channel.send(encode_message(ManifestOffer(number=0, manifest=manifest.to_bytes())))
        log_event("member_admitted", peer=channel.peer.short, epoch=manifest.epoch)
        self._announce()
        await channel.receive()  # ends with ChannelClosed when the joining node has read its answer

    # -- by themselves

    async def keep_current(self) -> None:
        """Look for newer manifests for ever; as admin, publish and renew."""
        published_at = -HEADER_PUBLISH_INTERVAL
        while True:
            try:
                if self._federation.is_admin:
                    self._federation.renewal(now=self._clock.now())
                    if self._clock.monotonic() - published_at >= HEADER_PUBLISH_INTERVAL:
                        published_at = self._clock.monotonic()
                        await self._publish_header()
                        for secret, expires in self._federation.open_invitations(now=self._clock.now()):
                            await self._publish_invitation(secret, expires)
                elif self._federation.is_member:
                    await self._look_at_header()
            except IdasError as error:
                log_event("manifest_check_failed", reason=error.code)
                published_at = -HEADER_PUBLISH_INTERVAL
            await asyncio.sleep(HEADER_INTERVAL)

    def _announce(self) -> None:
        self._tasks.start("announce_manifest", self._spread())

    async def _spread(self) -> None:
        """Publish the header and call every other member."""
        manifest = self._federation.require_member().to_bytes()

        async def offer(node_id: NodeId) -> None:
            try:
                await (await self._links.control(node_id)).offer_manifest(manifest)
            except IdasError as error:
                log_event("member_not_told", peer=node_id.short, reason=error.code)

        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_header())
            for node_id in self._federation.others():
                group.create_task(offer(node_id))

    async def _drop_all(self) -> None:
        for node_id in list(self._links.peers):
            await self._links.drop(node_id)

    def _compare(self, link: ControlLink) -> None:
        self._tasks.start("compare_epochs", self._bring_together(link))

    async def _bring_together(self, link: ControlLink) -> None:
        if link.remote_epoch > self._federation.epoch:
            self.take_manifest(await link.manifest())
        elif (manifest := self.manifest_bytes()) is not None:
            await link.offer_manifest(manifest)

    # -- records in the directory

    def _header_place(self, manifest: Manifest) -> SigningKey:
        return SigningKey(derive(manifest.federation, "idas header", manifest.admin.raw))

    async def _publish_header(self) -> None:
        manifest = self._federation.require_member()
        if not self._federation.is_admin:
            return
        place, now = self._header_place(manifest), self._clock.now()
        signature = self._identity.sign(_header_bytes(manifest.epoch, digest(manifest)))
        header = ManifestHeader(
            epoch=manifest.epoch, digest=digest(manifest), expires=manifest.expires, signature=signature
        )
        payload = seal(derive(manifest.federation, "idas header key"), encode(header), pad_to=64)
        await self._directory.put([sign_record(place, place, payload, now=now)])

    async def _look_at_header(self) -> None:
        manifest = self._federation.require_member()
        place = self._header_place(manifest)
        for record in await self._directory.get(place.node_id.kademlia_id):
            try:
                payload = open_sealed(derive(manifest.federation, "idas header key"), record.payload, padded=True)
                header = decode(ManifestHeader, payload, max_size=512)
                verify(manifest.admin.raw, _header_bytes(header.epoch, header.digest), header.signature)
            except (BadSignature, WireError):
                continue
            if header.epoch > self._federation.epoch:
                await self._fetch_manifest()
                return

    async def _fetch_manifest(self) -> None:
        """Get the newest manifest from the admin, or from any member that answers."""
        manifest = self._federation.require_member()
        for node_id in dict.fromkeys([manifest.admin, *self._federation.others()]):
            try:
                link = await self._links.control(node_id)
                if link.remote_epoch > self._federation.epoch or node_id == manifest.admin:
                    self.take_manifest(await link.manifest())
                    return
            except IdasError as error:
                log_event("manifest_not_fetched", peer=node_id.short, reason=error.code)

    async def _publish_invitation(self, secret: bytes, expires: int) -> None:
        manifest, now = self._federation.require_member(), self._clock.now()
        invitation = Invitation(secret=secret, contact=self._contact())
        record = InviteRecord(
            inviter=self._identity.node_id,
            federation_name=manifest.name,
            addresses=self._own_addresses(),
            expires=expires,
        )
        place = invitation.location
        await self._directory.put([sign_record(place, place, invitation.seal_record(record), now=now)])

    async def _invite_record(self, invitation: Invitation) -> InviteRecord:
        self._directory.add_contact(invitation.contact)
        await self._directory.wait_joined(JOIN_TIMEOUT)
        place = invitation.location
        for record in await self._directory.get(place.node_id.kademlia_id):
            found = invitation.open_record(record)
            if self._clock.now() < found.expires:
                return found
        raise BadCode("no open invitation belongs to it; it has expired, or the directory cannot be reached")


def _header_bytes(epoch: int, manifest_digest: bytes) -> bytes:
    return HEADER_CONTEXT + pack([epoch, manifest_digest])
