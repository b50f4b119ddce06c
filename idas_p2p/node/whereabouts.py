"""Where this node can be dialled: its own addresses, those others see, and what they found when they dialled back.

Belongs here: joining what the parts know into one list. Not here: which addresses a machine has (addresses.py), the
testing (reachability.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.node.addresses import MAX_ADVERTISED, advertised, interface_addresses
from idas_p2p.node.reachability import Reachability
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.dial_back import DialBackServer
from idas_p2p.wire.address import Address


class Whereabouts:
    """What to tell others about where this node is.

    Args:
        configured: addresses by the operator; told as they are.
        directory: shows how others see us, and has them dial back.
        clock: the time.
    """

    def __init__(self, configured: tuple[Address, ...], directory: Directory, *, clock: Clock) -> None:
        self._configured, self._directory = configured, directory
        self._bound = Address("0.0.0.0", 0)  # noqa: S104  # until started
        self.reachability = Reachability(
            directory.dial_backs.choose,
            ports=self._ports,
            situation=lambda: (self._candidates(), self._ports()),
            on_verdict=directory.dial_backs.serve,
            clock=clock,
        )

    def start(self, bound: Address, identity: SigningKey, *, tasks: TaskOwner) -> None:
        """Begin, once the directory has started; others who ask are dialled back from now on.

        Args:
            bound: what the node listens on.
            identity: ours.
            tasks: owns the dials.
        """
        self._bound = bound
        self._directory.dial_backs.offer(DialBackServer(identity, tasks=tasks).accept)

    def turns(self) -> Iterator[tuple[str, Callable[[], Awaitable[float]]]]:
        """What is to be repeated while the node runs, by name."""
        yield "reachability", self.reachability.turn

    def addresses(self) -> tuple[Address, ...]:
        """Where other nodes can dial this one, best first."""
        if self._configured:
            return self._candidates()
        return self.reachability.publishable(self._candidates())[:MAX_ADVERTISED]

    def _candidates(self) -> tuple[Address, ...]:
        return advertised(
            configured=self._configured,
            bound=self._bound,
            interfaces=interface_addresses(),
            observed=self._directory.observed_address(),
        )

    def _ports(self) -> tuple[int, ...]:
        return (self._bound.port,)
