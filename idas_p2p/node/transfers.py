"""Transfers as people see them: live counters while they run, the database's log once they ended.

Belongs here: counting, and how a transfer ended. Not here: moving images (retrieve.py, serve.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.errors import IdasError, LocalError, NoSuchThing, TransferStopped
from idas_p2p.events import log_event
from idas_p2p.exchange.signed_manifest import Evidence
from idas_p2p.store.transfers import Counters, Direction, SignedManifest, State, TransferLog
from idas_p2p.transport.channel import Channel
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import InstanceFailed, RetrieveEvent, Total

COPIES_DIFFER: Final = "copies_differ"
"""Why a transfer that brought everything is still worth a look: a holder's copy is not like that of the others."""


@dataclass(slots=True, kw_only=True, repr=False)
class Transfer:
    """One retrieval seen from this node. It names a study and a user: for the operator's eyes, never for a log."""

    number: int
    direction: Direction
    study_uid: str
    user: str
    started_at: float  # Unix seconds
    partners: list[str] = field(default_factory=list)  # institutions at the other end
    nodes: list[NodeId] = field(default_factory=list)  # the same, as nodes
    total: int = 0  # instances
    instances: int = 0
    failed: int = 0
    bytes: int = 0  # of data sets
    differing: list[str] = field(default_factory=list)  # institutions whose copies were left out
    is_stopped: bool = False  # by the operator
    evidence: list[tuple[NodeId, Evidence]] = field(default_factory=list)  # what holders signed
    _channels: list[Channel] = field(default_factory=list)
    _path: str = ""  # where there is no channel

    @property
    def manifests(self) -> list[SignedManifest]:
        """What holders signed, for the log."""
        return [SignedManifest(holder.raw, one.digest, one.signature) for holder, one in self.evidence]

    def use(self, channel: Channel, *, partner: str = "") -> None:
        """Count the bytes of one more channel, and name who is at its other end."""
        self._channels.append(channel)
        if channel.peer not in self.nodes:
            self.nodes.append(channel.peer)
        if partner and partner not in self.partners:
            self.partners.append(partner)

    @property
    def path(self) -> str:
        """The kind of path that the newest channel takes now."""
        return self._channels[-1].path if self._channels else self._path

    @path.setter
    def path(self, path: str) -> None:
        """Say what it takes that takes no channel."""
        self._path = path

    @property
    def wire_bytes(self) -> int:
        """Bytes on the network, both directions, all attempts."""
        return sum(channel.bytes_sent + channel.bytes_received for channel in self._channels)

    def count(self, event: RetrieveEvent) -> None:
        """Count one event of the retrieval.

        Raises:
            TransferStopped: the operator wants no more of it.
        """
        if self.is_stopped:
            raise TransferStopped(f"transfer {self.number}")
        if isinstance(event, Total):
            self.total = event.count
        elif isinstance(event, InstanceFailed):
            self.failed += 1
        else:
            self.instances += 1
            self.bytes += event.data.size

    @property
    def counters(self) -> Counters:
        """How far it has come."""
        return Counters(
            instances=self.instances,
            total=max(self.total, self.instances + self.failed),
            failed=self.failed,
            bytes=self.bytes,
            wire_bytes=self.wire_bytes,
            path=self.path,
        )


class Transfers:
    """All transfers under way, and the log of those that ended.

    Args:
        log: the database's; what still runs in it was interrupted by the end of an earlier run.
        clock: the time.
    """

    def __init__(self, log: TransferLog, *, clock: Clock) -> None:
        self._log, self._clock = log, clock
        self.running: dict[int, Transfer] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        log.mark_interrupted(now=clock.now())

    @contextmanager
    def transfer(self, direction: Direction, study_uid: str, user: str, *, partner: str = "") -> Iterator[Transfer]:
        """Count one transfer; how the block ends is how the transfer ended."""
        now = self._clock.now()
        number = self._log.begin(direction=direction, study_uid=study_uid, user=user, partner=partner, now=now)
        transfer = Transfer(number=number, direction=direction, study_uid=study_uid, user=user, started_at=now)
        if partner:
            transfer.partners.append(partner)
        self.running[number] = transfer
        self._idle.clear()
        state, reason = State.CANCELLED, ""  # when the reader went away
        try:
            yield transfer
            lost = transfer.failed or transfer.instances < transfer.total
            state, reason = State.PARTIAL if lost else State.DONE, COPIES_DIFFER if transfer.differing else ""
        except IdasError as error:
            state, reason = State.FAILED, error.code
            raise
        except Exception:
            state, reason = State.FAILED, LocalError.code
            raise
        finally:
            del self.running[number]
            if not self.running:
                self._idle.set()
            self._finish(transfer, state, reason)

    def stop(self, number: int) -> None:
        """End a running transfer at its next image; what has arrived is kept for a repetition.

        Raises:
            NoSuchThing: none of that number runs.
        """
        if (transfer := self.running.get(number)) is None:
            raise NoSuchThing(f"no transfer {number} is under way")
        transfer.is_stopped = True
        log_event("transfer_stopped", request=number)

    async def wait_idle(self, timeout: float) -> bool:
        """Wait until no transfer runs; False when some still do after `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        return not self.running

    def _finish(self, transfer: Transfer, state: State, reason: str) -> None:
        now = self._clock.now()
        log_event(
            "transfer_ended",
            request=transfer.number,
            reason=reason or str(state),
            count=transfer.instances,
            failed=transfer.failed,
            bytes=transfer.bytes,
            path=transfer.path,
            ms=round(1000 * (now - transfer.started_at)),
        )
        try:
            self._log.keep_manifests(transfer.number, transfer.manifests)
            self._log.update(transfer.number, transfer.counters, partner=", ".join(transfer.partners))
            self._log.finish(transfer.number, state, transfer.counters, now=now, reason=reason)
        except IdasError as error:  # the images are where they are; the next start marks it as interrupted
            log_event("transfer_not_noted", request=transfer.number, reason=error.code)
