"""Connections by UDP through the routers of both sides (WebRTC), agreed on over a link that goes through a relay.

Belongs here: agreeing, both sides of it, their bounds and tasks. Not here: the way itself (transport/ice.py) and what
runs over it (transport/data_channel.py), when this kind of path is tried (links.py).
Source: docs/spec/transport.md section 12.
"""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from idas_p2p.clock import Clock
from idas_p2p.directory.sockets import resolve
from idas_p2p.errors import Busy, PeerUnreachable
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.attempts import Attempts, Control
from idas_p2p.node.meetings import is_allowed
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.reservation import Take
from idas_p2p.transport.rungs import Prove, Reached, Rung
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.ice import IceTerms
from idas_p2p.wire.ids import NodeId

if TYPE_CHECKING:
    from idas_p2p.transport.data_channel import DataChannel

PATH: Final = "webrtc"
LIBRARY: Final = "idas_p2p.transport.data_channel"  # loaded when a pair needs it first: a third of a second, 33 MB
HEAD_START: Final = 0.5  # seconds until a relay is tried beside it; ours: it takes nine round trips, a relay five
TIMEOUT: Final = 3.0  # seconds from the request; protocol: both sides give up then
MAX_AT_ONCE: Final = 64  # connections of this kind; ours: 0.3 MB each when idle, up to 5 MB when busy
MAX_PER_PEER: Final = 8  # of them that one node asked for; ours: a transfer opens up to four, and may move them
MAX_SERVERS: Final = 4  # STUN servers; ours
RESOLVE_TIMEOUT: Final = 0.5  # seconds for their names; ours


@dataclass(frozen=True, slots=True)
class Hosts:
    """Addresses of this machine: where UDP sockets are opened, none without UDP, and which others may be told."""

    usable: Sequence[str]
    told: frozenset[str]


class WebRtc:
    """Opens connections by UDP.

    Args:
        hosts: addresses of this machine.
        servers: bootstrap nodes; each answers STUN at its UDP port.
        take: serves a connection that came about.
        clock: the time.
    """

    def __init__(
        self,
        hosts: Callable[[], Hosts],
        servers: Callable[[], Sequence[Contact]],
        *,
        take: Take,
        clock: Clock,
    ) -> None:
        self._hosts, self._servers, self._take = hosts, servers, take
        self._tasks = TaskOwner(limit=MAX_AT_ONCE)
        self._answered: Counter[NodeId] = Counter()  # that have not ended
        self._attempts = Attempts(PATH, HEAD_START, TIMEOUT, clock)

    async def stop(self) -> None:
        """End all of them."""
        await self._tasks.stop()

    async def answer(self, peer: NodeId, terms: IceTerms) -> IceTerms:
        """Begin to seek a way to a peer on its terms; returns ours.

        Raises:
            Busy: not now.
            PeerUnreachable: no UDP here.
        """
        if self._answered[peer] >= MAX_PER_PEER:
            raise Busy("too many connections by UDP")
        self._answered[peer] += 1
        try:
            channel, life = await self._begin(controlling=False)
        except BaseException:
            self._ended(peer)
            raise
        life.add_done_callback(lambda _: self._ended(peer))
        try:
            ours = await channel.terms()
            self._tasks.start("webrtc_answer", self._serve(channel, allowed(terms)))
        except BaseException:
            channel.give_up()
            raise
        return ours

    def _ended(self, peer: NodeId) -> None:
        self._answered -= Counter([peer])

    async def _serve(self, channel: DataChannel, terms: IceTerms) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                connection = await channel.open(terms)
        except BaseException as error:
            channel.give_up()
            if isinstance(error, TimeoutError):
                raise PeerUnreachable(f"nothing came about within {TIMEOUT:g} seconds") from None
            raise
        self._take(connection, PATH)

    def rung(self, peer: NodeId, control: Control, *, again: bool = False) -> Rung | None:
        """This kind of path to a node; None where it failed a short while ago.

        Args:
            peer: the node to reach.
            control: gives an open control link to it.
            again: even where it failed, for nobody waits for it.
        """
        return self._attempts.rung(peer, control, self._reach, again=again)

    async def _reach(self, link: ControlLink, prove: Prove) -> Reached:
        channel, _ = await self._begin(controlling=True)
        try:
            theirs = await link.meet_by_udp(await channel.terms())
            return await prove(await channel.open(allowed(theirs)))
        except BaseException:
            channel.give_up()
            raise

    async def _begin(self, *, controlling: bool) -> tuple[DataChannel, asyncio.Task[None]]:
        """A channel and its life, which closes it whatever becomes of who asked for it; Busy: not now."""
        if not (hosts := self._hosts()).usable:
            raise PeerUnreachable("the network lets no UDP out")
        library = await asyncio.to_thread(importlib.import_module, LIBRARY)
        channel: DataChannel = library.DataChannel(
            controlling=controlling, hosts=hosts.usable, told=hosts.told, servers=await self._stun_servers()
        )
        return channel, self._tasks.start("webrtc", channel.live())

    async def _stun_servers(self) -> list[Address]:
        """Those whose names are found soon; without any the addresses of this machine are all there is."""
        found: list[Address] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                for contact in list(self._servers())[:MAX_SERVERS]:
                    with suppress(OSError):
                        found.append(await resolve(contact.address))
        return found


def allowed(terms: IceTerms) -> IceTerms:
    """The terms of a peer, without addresses no member may have us send to."""
    return replace(terms, candidates=tuple(one for one in terms.candidates if is_allowed(one.address)))
