"""The node's audit log at work: an event becomes a record before whoever noted it goes on.

Law: what is noted is with the operating system when `note` returns, so that the end of the process loses nothing that
was answered; the disk has it within SYNC_PAUSE, and when `settled` returns. When it cannot be written, `note` refuses,
and with it the work. Belongs here: numbers, time, when the disk is waited for, segments, retention. Not here: files
(store/audit_log.py), the sum (access/audit/chain.py). Source: docs/spec/audit.md, docs/decisions/audit-durability.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from idas_p2p.access.audit import events
from idas_p2p.access.audit.chain import State, digest_of, sign_head, sign_segment, start
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import AuditUnavailable, SpoolFull, StorageRefused, WireError
from idas_p2p.events import log_event
from idas_p2p.node.audit_settings import AuditSettings
from idas_p2p.store.audit_log import FOLDER, AuditLog, Segment
from idas_p2p.wire.audit import NONCE_SIZE, AuditHead, AuditRecord, Event
from idas_p2p.wire.audit_file import read_frames, segment_start
from idas_p2p.wire.audit_messages import MAX_DIGESTS, AuditGrowth
from idas_p2p.wire.schema import encode

SYNC_PAUSE: Final = 0.2  # seconds between two waits for the disk while records come; ours: a power cut loses no more
SETTLE_TIMEOUT: Final = 10.0  # seconds the disk may take before the work that waits for it is refused; ours
KEEP_INTERVAL: Final = 3_600.0  # seconds between looks for segments that are too old; ours

Run = Callable[..., Awaitable[Any]]
"""Runs a function and its arguments in a thread."""


class Auditor:
    """Writes one node's log.

    Args:
        folder: the node's.
        identity: signs.
        clock: the time.
        random_bytes: secret bytes, so many.
        settings: how long records are kept, and how many bytes.
        run: runs what waits for the disk in a thread.

    Raises:
        AuditUnavailable: the log cannot be opened.
        NodeAlreadyRunning: another process writes it.
    """

    def __init__(
        self,
        folder: Path,
        identity: SigningKey,
        *,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        settings: AuditSettings,
        run: Run,
    ) -> None:
        self._run = run
        self._identity, self._clock, self._random_bytes, self._settings = identity, clock, random_bytes, settings
        self._recent = deque[bytes](maxlen=MAX_DIGESTS)  # digests of the last records
        self._is_closed = False
        self._refused = 0  # events since a record could be written last
        self._broken = ""  # why the disk cannot be relied on any more; empty while it can
        self._changed, self._syncing = asyncio.Event(), asyncio.Lock()
        self._written = asyncio.Event()  # set at each record, and a new one put in its place
        self.state = start(identity.node_id)
        try:
            self._log = AuditLog(folder / FOLDER)
            torn = self._resume()
        except (SpoolFull, StorageRefused) as error:
            raise AuditUnavailable(error.detail) from error
        self._on_disk = self.state  # what was read at the start lies on the disk
        if torn:
            self.note(events.recovered(f"{torn} bytes after record {self.state.count} could not be read; set aside"))

    @property
    def on_disk(self) -> State:
        """What a power cut cannot undo; nothing later is told to a peer."""
        return self._on_disk

    @property
    def refused(self) -> int:
        """Events that could not be recorded since a record was written last; 0 when all is well."""
        return self._refused

    @property
    def folder(self) -> Path:
        """Where the segments are."""
        return self._log.folder

    def segments(self) -> list[Segment]:
        """The files of the log, the oldest first."""
        return self._log.segments()

    def bytes_used(self) -> int:
        """Bytes of all segments."""
        return self._log.total_bytes()

    async def changed(self) -> None:
        """Return when a record was written after this was called."""
        count = self.state.count
        while self.state.count == count:
            written = self._written
            await written.wait()

    def head(self) -> AuditHead:
        """Our signed word on what lies on the disk."""
        return sign_head(self._identity, self._on_disk, now=self._clock.now())

    async def growth(self, since: int) -> AuditGrowth:
        """How the log has grown since so many records, as far as it lies on the disk, at most MAX_DIGESTS records on.

        Where that cannot be shown, because there were never so many or they were let go, nothing but the head is.
        """
        end = min(self._on_disk.count, since + MAX_DIGESTS)
        if not 0 < since <= end:
            return AuditGrowth(since=self._on_disk.count, digests=b"", head=self.head())
        newest, recent = self.state.count, list(self._recent)
        oldest = newest - len(recent)
        if since < oldest or end < self._on_disk.count:
            return await self._run(self._shown, since, end)  # type: ignore[no-any-return]
        digests = b"".join(recent[since - oldest : end - oldest])
        return AuditGrowth(since=since, digests=digests, head=self.head())

    def note(self, event: Event) -> None:
        """Write a record of an event.

        Raises:
            AuditUnavailable: it cannot be written; what it is about must not be done.
        """
        if self._refused:
            refused, self._refused = self._refused, 0
            try:
                self._write(events.recovered(f"{refused} requests were refused while nothing could be recorded"))
            except AuditUnavailable:
                self._refused = refused + 1
                raise
        try:
            self._write(event)
        except AuditUnavailable as error:
            self._refused += 1
            log_event("audit_unavailable", reason=error.detail)
            raise

    async def settled(self) -> None:
        """Return when the disk has everything noted so far; who waits at the same time shares one wait for the disk.

        Raises:
            AuditUnavailable: it does not take it.
        """
        wanted = self.state.count
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT), self._syncing:
                if self._on_disk.count < wanted:
                    await self._sync()
        except TimeoutError:
            raise AuditUnavailable("the disk does not take the record") from None

    async def sync_turn(self) -> float:
        """Wait for a record, then for the disk; return seconds until the next turn."""
        await self._changed.wait()
        self._changed.clear()
        await self.settled()
        return SYNC_PAUSE

    async def _sync(self) -> None:
        """Whether the disk has what was written since it failed cannot be known, so nothing more is recorded then."""
        state = self.state
        if not self._broken:
            try:
                await self._run(self._log.sync)
            except (SpoolFull, StorageRefused) as error:
                self._broken = f"the disk failed ({error.detail}); restart the node"
        if self._broken:
            raise AuditUnavailable(self._broken)
        self._on_disk = state

    async def keep_turn(self) -> float:
        """Let go of segments that are older than they must be kept, and say so in the log; return seconds."""
        oldest, *newer = self._log.segments()
        while newer and newer[0].head().at_ms / 1_000 < self._clock.now() - self._settings.keep_seconds:
            last = newer[0].head()
            text = f"records up to {last.before} let go: older than {self._settings.kept}"
            self.note(events.let_go(last.before, text))
            await self.settled()
            await self._run(self._log.drop, oldest)
            log_event("audit_segment_dropped", count=last.before)
            oldest, *newer = newer
        return KEEP_INTERVAL

    def finish(self, event: Event) -> None:
        """Record a last event and close; it is not there when it cannot be. May be repeated."""
        if not self._is_closed:
            with suppress(AuditUnavailable):
                self.note(event)
        self.close()

    def close(self) -> None:
        """Bring everything to the disk and let others write. May be repeated."""
        self._is_closed = True
        with suppress(SpoolFull, StorageRefused):
            self._log.close()

    def _write(self, event: Event) -> None:
        if self._broken:
            raise AuditUnavailable(self._broken)
        record = AuditRecord(
            number=self.state.count + 1,
            at_ms=int(self._clock.now() * 1_000),
            nonce=self._random_bytes(NONCE_SIZE),
            event=event,
        )
        body = encode(record)
        digest = digest_of(body)
        state = self.state.after(digest)
        try:
            if self._log.size >= self._settings.segment_bytes:
                self._begin_segment()
            self._log.append(body, state.chain)
        except (SpoolFull, StorageRefused) as error:
            raise AuditUnavailable(error.detail) from error
        self.state = state
        self._recent.append(digest)
        self._changed.set()
        written, self._written = self._written, asyncio.Event()
        written.set()

    def _shown(self, since: int, end: int) -> AuditGrowth:
        """Records `since` + 1 to `end`, read from the files."""
        digests = list[bytes]()
        for segment in reversed(self._log.segments()):
            head = segment.head()
            if head.before >= end:
                continue
            state, found = State(head.before, head.chain), list[bytes]()
            for frame in islice(segment.frames(), end - head.before):
                digest = digest_of(frame.body)
                state = state.after(digest)
                if state.count > since:
                    found.append(digest)
            if not digests:
                last = state
            digests = found + digests
            if head.before <= since:
                signed = sign_head(self._identity, last, now=self._clock.now())
                return AuditGrowth(since=since, digests=b"".join(digests), head=signed)
        return AuditGrowth(since=self._on_disk.count, digests=b"", head=self.head())

    def _begin_segment(self) -> None:
        total = self._log.total_bytes()
        if total + self._settings.segment_bytes > self._settings.max_bytes:
            raise AuditUnavailable(f"the log has {total} bytes; raise audit.max_gb, or lower audit.keep_days")
        self._log.begin(sign_segment(self._identity, self.state, now=self._clock.now()))

    def _resume(self) -> int:
        """Find the end of the log; return how many bytes there could not be read."""
        before = self._log.segments()
        if not before:
            self._log.begin(sign_segment(self._identity, self.state, now=self._clock.now()))
            return 0
        self.state, end = _replayed(before[-1])
        return self._log.resume(before[-1], end)


def _replayed(segment: Segment) -> tuple[State, int]:
    """The state after the last record that is whole and follows from those before it, and where that record ends."""
    try:
        head = segment.head()
    except WireError as error:
        raise AuditUnavailable(f"{segment.path.name} is no segment of an audit log: {error.detail}") from None
    data = segment.data()
    state, end = State(head.before, head.chain), len(segment_start(head))
    for frame in read_frames(data, end):
        after = state.after(digest_of(frame.body))
        if after.chain != frame.chain:
            break
        state, end = after, frame.end
    return state, end
