"""Whose bytes go next when several transfers leave by one uplink: the urgent ones, and a share for the rest.

    virtual = bytes sent / weight; a transfer may send while no more urgent one that is under way has a smaller virtual

Transfers of the same urgency are left to TCP, which shares a full line among them and knows whose own line is slow.
Belongs here: the rule, and waiting for it. Not here: what is sent (outgoing.py).
Law: nobody starves: a more urgent transfer that makes no progress holds up no one, and one that does leaves the others
their share. The price is in docs/decisions/urgent-first.md.
Source: Goyal, Vin, Cheng 1996, start-time fair queueing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.wire.fetching import Priority

WEIGHTS: Final = {Priority.LOW: 1.0, Priority.MEDIUM: 4.0, Priority.HIGH: 16.0}  # bytes in turn; ours
STALL: Final = 0.5  # seconds in one message after which a transfer is slow by itself and is not waited for; ours
LINGER: Final = 0.1  # seconds after its last message in which a transfer is still under way: it codes the next; ours


@dataclass(eq=False, slots=True)
class Sending:
    """One transfer, as the rule sees it."""

    priority: Priority
    virtual: float = 0.0  # bytes sent, divided by the weight, and never behind what others had when it was idle
    begun: float | None = None  # when it began to send or to wait for its turn; None between two messages
    is_waiting: bool = False
    last: float = float("-inf")  # when its last message was on its way

    def is_under_way(self, now: float) -> bool:
        """Whether the less urgent ones wait for it."""
        if self.is_waiting:
            return True
        return now - self.last < LINGER if self.begun is None else now - self.begun < STALL


@dataclass(slots=True)
class Turns:
    """The rule. Reads no clock: `now` is in seconds of any steady one."""

    transfers: list[Sending] = field(default_factory=list)

    def join(self, priority: Priority) -> Sending:
        """A transfer begins."""
        transfer = Sending(priority)
        self.transfers.append(transfer)
        return transfer

    def leave(self, transfer: Sending) -> None:
        """It ended."""
        self.transfers.remove(transfer)

    def ask(self, transfer: Sending, *, now: float) -> None:
        """It has a message to send. What it left unused while it had none is lost to it."""
        others = [one.virtual for one in self.transfers if one is not transfer and one.is_under_way(now)]
        if not transfer.is_under_way(now) and others:
            transfer.virtual = max(transfer.virtual, min(others))
        transfer.begun, transfer.is_waiting = now, True

    def may_send(self, transfer: Sending, *, now: float) -> bool:
        """Whether its turn has come."""
        return all(
            transfer.virtual <= other.virtual
            for other in self.transfers
            if other.priority > transfer.priority and other.is_under_way(now)
        )

    def begin(self, transfer: Sending, size: int, *, now: float) -> None:
        """It sends a message of `size` bytes."""
        transfer.begun, transfer.is_waiting = now, False
        transfer.virtual += size / WEIGHTS[transfer.priority]

    def end(self, transfer: Sending, *, now: float) -> None:
        """The message is on its way, or was given up."""
        transfer.begun, transfer.is_waiting, transfer.last = None, False, now


class Uplink:
    """All transfers that leave this node.

    Args:
        clock: the time.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock, self._turns = clock, Turns()
        self._changed = asyncio.Event()  # set at each change, and a new one put in its place
        self._waiting = 0  # for it

    @contextmanager
    def transfer(self, priority: Priority) -> Iterator[Turn]:
        """Take part as one transfer while the `with` block runs."""
        sending = self._turns.join(priority)
        try:
            yield Turn(self, sending)
        finally:
            self._turns.leave(sending)
            self._tell()

    async def begin(self, sending: Sending, size: int) -> None:
        """Wait for the turn of a transfer, which then sends one message of `size` bytes."""
        now = self._clock.monotonic()
        self._turns.ask(sending, now=now)
        try:
            while not self._turns.may_send(sending, now=now):
                await self._change()
                now = self._clock.monotonic()
        except BaseException:
            self.end(sending)
            raise
        self._turns.begin(sending, size, now=now)
        self._tell()

    def end(self, sending: Sending) -> None:
        """The message is on its way, or was given up."""
        self._turns.end(sending, now=self._clock.monotonic())
        self._tell()

    async def _change(self) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(LINGER):  # time alone ends a stall or a linger
                await self._changed.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1

    def _tell(self) -> None:
        if self._waiting:
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()


class Turn:
    """One transfer's part in an uplink; `async with turn(size)` around each message."""

    def __init__(self, uplink: Uplink, sending: Sending) -> None:
        self._uplink, self._sending, self._size = uplink, sending, 0

    def __call__(self, size: int) -> Turn:
        """Wait until a message of `size` bytes may be sent, and send it in the block; one at a time."""
        self._size = size
        return self

    async def __aenter__(self) -> None:
        await self._uplink.begin(self._sending, self._size)

    async def __aexit__(self, *_: object) -> None:
        self._uplink.end(self._sending)
