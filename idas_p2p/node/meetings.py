"""Connections that two nodes open at the same moment, agreed on over a link that goes through a relay.

Belongs here: agreeing, both sides of it, and their bounds. Not here: the sockets (transport/simultaneous.py), when this
kind of path is tried (links.py). Source: docs/spec/transport.md section 10.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.errors import Busy, PeerUnreachable
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.attempts import Attempts, Control
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.reservation import Take
from idas_p2p.transport.rungs import Prove, Reached, Rung
from idas_p2p.transport.simultaneous import Meeting
from idas_p2p.wire.address import Address
from idas_p2p.wire.ids import NodeId

PATH: Final = "tcp-open"
HEAD_START: Final = 0.4  # seconds until the next kind of path is tried beside it; ours: five round trips of 80 ms
TIMEOUT: Final = 3.0  # seconds from the request; protocol: both sides give up then
MAX_AT_ONCE: Final = 16  # answered; ours
MAX_AT_ONCE_PER_PEER: Final = 4  # of them with one node: a transfer opens up to four channels at once
LOWEST_PORT: Final = 1_024  # nobody has us connect to services of others
MAX_PLACES: Final = 4  # protocol


class Meetings:
    """Opens connections from both sides.

    Args:
        seen_as: our IP addresses as others see us.
        take: serves a connection that came about.
        clock: the time.
    """

    def __init__(self, seen_as: Callable[[], Iterable[str]], *, take: Take, clock: Clock) -> None:
        self._seen_as, self._take, self._clock = seen_as, take, clock
        self._tasks = TaskOwner(limit=MAX_AT_ONCE)
        self._answering: Counter[NodeId] = Counter()
        self._attempts = Attempts(PATH, HEAD_START, TIMEOUT, clock)

    async def stop(self) -> None:
        """End what is under way."""
        await self._tasks.stop()

    def answer(self, peer: NodeId, places: tuple[Address, ...], round_trip: float) -> tuple[Address, ...]:
        """Begin to connect to a peer half a round trip (seconds) from now; returns from where, nothing if not at all.

        Raises:
            Busy: not now.
        """
        if not any(self._seen_as()):
            return ()
        if self._answering[peer] >= MAX_AT_ONCE_PER_PEER:
            raise Busy("too many connections from both sides")
        meeting = Meeting()
        try:
            task = self._tasks.start("meeting", self._answered(meeting, places, min(round_trip, TIMEOUT) / 2))
        except Busy:
            meeting.__exit__(None, None, None)
            raise
        self._answering[peer] += 1
        task.add_done_callback(lambda _: self._end(peer, meeting))
        return self._places(meeting)

    def _end(self, peer: NodeId, meeting: Meeting) -> None:
        meeting.__exit__(None, None, None)
        self._answering -= Counter([peer])

    async def _answered(self, meeting: Meeting, places: tuple[Address, ...], pause: float) -> None:
        async def serve(connection: Connection) -> None:
            self._take(connection, PATH)
            raise PeerUnreachable("served; the dialer may yet prefer another")

        await asyncio.sleep(pause)
        with suppress(PeerUnreachable):
            await meeting.open(allowed(places), serve, discard=lambda _: None, timeout=TIMEOUT - pause)

    def rung(self, peer: NodeId, control: Control, *, again: bool = False) -> Rung | None:
        """This kind of path to a node; None where it failed a short while ago.

        Args:
            peer: the node to reach.
            control: gives an open control link to it.
            again: even where it failed, for nobody waits for it.
        """
        return self._attempts.rung(peer, control, self._meet, again=again)

    async def _meet(self, link: ControlLink, prove: Prove) -> Reached:
        begun = self._clock.monotonic()
        await link.ping()
        round_trip = self._clock.monotonic() - begun
        with Meeting() as meeting:
            ours = self._places(meeting)
            places = await link.meet(ours, round_trip=round_trip) if ours else ()
            if not places:
                raise PeerUnreachable("one of the nodes is not seen at any IPv4 address")
            return await meeting.open(allowed(places), prove, discard=Reached.abort, timeout=TIMEOUT)

    def _places(self, meeting: Meeting) -> tuple[Address, ...]:
        hosts = dict.fromkeys(host for host in self._seen_as() if ":" not in host)
        return tuple(Address(host, meeting.port) for host in hosts)[:MAX_PLACES]


def allowed(places: Iterable[Address]) -> list[Address]:
    """Places a member may have us connect to: no service of this machine, nor a well-known one elsewhere."""
    return [place for place in places if is_allowed(place)]


def is_allowed(place: Address) -> bool:
    """Whether a member may have us send something there."""
    return place.is_ip and place.port >= LOWEST_PORT and not _is_own(place.host)


def _is_own(host: str) -> bool:
    ip = ipaddress.ip_address(host)
    return ip.is_loopback or ip.is_unspecified or ip.is_multicast or ip.is_link_local
