"""The embedded archive's way in: an instance is read, kept durably, and its study shows in the catalog.

Law: a store is answered when the instance is safe on disk; the catalog follows within a second, before the next local
query, and after a kill at the next start. Belongs here: joining the scanner, the object store and the catalog. Not
here: serving from it (sources.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.scan import header_of
from idas_p2p.errors import InstanceKept, MalformedInstance
from idas_p2p.events import log_event
from idas_p2p.node.dicom_settings import OnChange
from idas_p2p.node.sources import EMBEDDED
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.feed import FOREIGN
from idas_p2p.store.objects import ObjectStore, Stored
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.study import Study

CATALOG_DELAY: Final = 0.5  # seconds the catalog may be behind; ours: one update for many instances of a study
KEPT_FIRST: Final = "The first version of this instance is kept, not this one."
PAGE: Final = 500  # studies compared with the catalog at once; ours


class EmbeddedStore:
    """Stores what workstations and modalities send to the node itself.

    Args:
        objects: the files.
        catalog: to keep true.
        bridge: runs the writing in a thread.
        clock: the time.
        on_change: what becomes of an instance that is here with other bytes.
    """

    def __init__(
        self,
        objects: ObjectStore,
        catalog: Catalog,
        *,
        bridge: Bridge,
        clock: Clock,
        on_change: OnChange = OnChange.REPLACE,
    ) -> None:
        self._on_change = on_change
        self._objects, self._catalog, self._bridge, self._clock = objects, catalog, bridge, clock
        self._changed: set[str] = set()  # Study Instance UIDs the catalog does not show as they are
        self._updating = asyncio.Lock()
        self.on_turn: Callable[[], None] = lambda: None  # records what was stored (stored.py)
        self.is_foreign: Callable[[str], bool] = lambda study_uid: False  # kept for a while, of others (foreign.py)

    async def store(self, instance: Instance) -> str:
        """Keep an instance; it is durable when this returns.

        Returns:
            What the sender should know although it is stored; empty mostly.

        Raises:
            InstanceKept: it is here with other bytes, and those stay.
            MalformedInstance: it cannot be read, or is not the instance its C-STORE named.
            SpoolFull: the disk is full.
        """
        study_uid, stored = await self._bridge.run(self._put, instance)
        if stored is Stored.KEPT:
            log_event("instance_differs", reason=self._on_change)
            if self._on_change is OnChange.REFUSE:
                raise InstanceKept
            return KEPT_FIRST
        if stored is Stored.REPLACED:
            log_event("instance_differs", reason=self._on_change)
        self._changed.add(study_uid)
        return ""

    async def update_catalog(self) -> None:
        """Bring the catalog up to date with every instance stored so far."""
        async with self._updating:
            changed, self._changed = self._changed, set()
            if not changed:
                return
            try:
                await self._bridge.run(self._record, changed)
            except BaseException:
                self._changed |= changed
                raise

    async def turn(self) -> float:
        """Update the catalog; return seconds until the next turn."""
        self.on_turn()
        await self.update_catalog()
        return CATALOG_DELAY

    def study(self, study_uid: str) -> Study | None:
        """A study as it is here now; None when nothing of it is."""
        return self._objects.study(study_uid)

    async def reconcile(self) -> None:
        """Make the catalog show what is stored, after a kill between the two."""
        await self._bridge.run(self._reconcile)

    def _put(self, instance: Instance) -> tuple[str, Stored]:
        header = header_of(instance.data, instance.transfer_syntax_uid)
        if header.sop_instance_uid != instance.sop_instance_uid or header.sop_class_uid != instance.sop_class_uid:
            raise MalformedInstance("the data set is of another instance than the request names")
        named = header.instance(instance.data, instance.transfer_syntax_uid)
        keeps_first = self._on_change is not OnChange.REPLACE
        stored = self._objects.put(
            named, header.study, modality=header.modality, now=self._clock.now(), keeps_first=keeps_first
        )
        return named.study_uid, stored

    def _record(self, uids: set[str]) -> None:
        studies = [study for uid in uids if (study := self._objects.study(uid)) is not None]
        self._record_studies(studies)

    def _reconcile(self) -> None:
        now, studies, held = self._clock.now(), self._objects.studies(), set[str]()
        known = set(self._catalog.known(EMBEDDED, "00000000", "99999999")) | set(self._catalog.known(EMBEDDED, "", ""))
        while page := list(islice(studies, PAGE)):
            self._record_studies(page)
            held.update(study.study_uid for study in page if not self.is_foreign(study.study_uid))
        self._catalog.forget(EMBEDDED, known - held, now=now)

    def _record_studies(self, studies: list[Study]) -> None:
        kept = {study.study_uid for study in studies if self.is_foreign(study.study_uid)}
        now = self._clock.now()
        self._catalog.record(EMBEDDED, [study for study in studies if study.study_uid not in kept], now=now)
        self._catalog.record(FOREIGN, [study for study in studies if study.study_uid in kept], now=now)
