"""Whether others can reach this node, address by address, as they themselves find out by dialling back.

Belongs here: when to ask, what the answers mean. Not here: whom to ask (directory/dial_backs.py), which addresses there
are (addresses.py). A node asks some nodes of the directory to dial it, each with a nonce of its own: a nonce that
arrives in a handshake proves its address, whatever anybody says. Source: docs/spec/transport.md section 8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from idas_p2p.clock import Clock
from idas_p2p.crypto.handshake import FindPsk
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.events import log_event
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.rpc import NONCE_SIZE

PATIENCE: Final = 6.0  # seconds for a nonce to arrive; more than a dial back may take (transport/dial_back.py)
LOOK_INTERVAL: Final = 2.0  # seconds between looks at our addresses; ours
INTERVAL: Final = 300.0  # seconds until the same addresses are tested again; ours
RETRY: Final = 15.0  # seconds, when nobody dialled back so far; ours


class Helper(Protocol):
    """A node that may be asked."""

    async def dial_back(self, port: int, nonce: bytes) -> Address | None:
        """Ask it to dial us; returns where it does, None when it does not."""
        ...


class Reachability:
    """What is known of this node's own addresses.

    Args:
        choose: some nodes to ask.
        ports: the TCP ports others might reach us at.
        situation: anything that compares unequal once our network has changed.
        on_verdict: told whether others can reach us, whenever that has been tested.
        clock: the time.
        patience: seconds for a nonce to arrive.
    """

    def __init__(
        self,
        choose: Callable[[], Sequence[Helper]],
        *,
        ports: Callable[[], Sequence[int]],
        situation: Callable[[], object],
        on_verdict: Callable[[bool], None],
        clock: Clock,
        patience: float = PATIENCE,
    ) -> None:
        self._choose, self._ports, self._situation = choose, ports, situation
        self._on_verdict, self._clock, self._patience = on_verdict, clock, patience
        self._expected: dict[bytes, asyncio.Event] = {}
        self._tested: object = None
        self._test_due = 0.0  # monotonic seconds
        self.verdicts: dict[Address, bool] = {}  # by address as others see it: whether they reached us there

    def watching(self, find_psk: FindPsk) -> FindPsk:
        """The same search for a pre-shared key, that notices nonces among the names asked for."""

        def find(purpose: Purpose, psk_id: bytes) -> bytes | None:
            if (arrived := self._expected.get(psk_id)) is not None:
                arrived.set()
            return find_psk(purpose, psk_id)

        return find

    @property
    def is_reachable(self) -> bool | None:
        """Whether others can dial us somewhere; None while nobody has tried."""
        return any(self.verdicts.values()) if self.verdicts else None

    def publishable(self, addresses: Sequence[Address]) -> tuple[Address, ...]:
        """Our addresses without those at which others tried in vain; those where they succeeded come first."""
        kept = [address for address in addresses if self.verdicts.get(address, True)]
        return tuple(sorted(kept, key=lambda address: not self.verdicts.get(address, False)))

    async def turn(self) -> float:
        """Test when it is due; return seconds until the next turn."""
        situation, now = self._situation(), self._clock.monotonic()
        if situation != self._tested or now >= self._test_due:
            is_known = await self.test()
            self._tested, self._test_due = situation, self._clock.monotonic() + (INTERVAL if is_known else RETRY)
        return LOOK_INTERVAL

    async def test(self) -> bool:
        """Have some nodes dial back, and take their failures and successes for true; False when none would dial."""
        tests = [(helper, port) for helper in self._choose() for port in self._ports()]
        found = [one for one in await asyncio.gather(*(self._ask(*test) for test in tests)) if one is not None]
        verdicts: dict[Address, bool] = {}
        for address, arrived in found:
            verdicts[address] = verdicts.get(address, False) or arrived
        if not verdicts:
            return False
        if verdicts != self.verdicts:
            log_event("reachability", count=sum(verdicts.values()), failed=len(verdicts) - sum(verdicts.values()))
        self.verdicts = verdicts
        self._on_verdict(any(verdicts.values()))
        return True

    async def _ask(self, helper: Helper, port: int) -> tuple[Address, bool] | None:
        nonce, arrived = random_bytes(NONCE_SIZE), asyncio.Event()
        self._expected[nonce] = arrived
        try:
            if (address := await helper.dial_back(port, nonce)) is None:
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await arrived.wait()
            return address, arrived.is_set()
        finally:
            del self._expected[nonce]
