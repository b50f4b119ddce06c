"""The embedded archive's way in: an instance is read, kept durably, and its study shows in the catalog.

Law: a store is answered when the instance is safe on disk; the catalog follows within a second, before the next local
query, and after a kill at the next start. Belongs here: joining the scanner, the object store and the catalog. Not
here: serving from it (sources.py).
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.scan import header_of
from idas_p2p.errors import MalformedInstance
from idas_p2p.node.sources import EMBEDDED
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.objects import ObjectStore
from idas_p2p.wire.instance import Instance

CATALOG_DELAY: Final = 0.5  # seconds the catalog may be behind; ours: one update for many instances of a study
PAGE: Final = 500  # studies compared with the catalog at once; ours


class EmbeddedStore:
    """Stores what workstations and modalities send to the node itself.

    Args:
        objects: the files.
        catalog: to keep true.
        bridge: runs the writing in a thread.
        clock: the time.
    """

    def __init__(self, objects: ObjectStore, catalog: Catalog, *, bridge: Bridge, clock: Clock) -> None:
        self._objects, self._catalog, self._bridge, self._clock = objects, catalog, bridge, clock
        self._changed: set[str] = set()  # Study Instance UIDs the catalog does not show as they are
        self._updating = asyncio.Lock()

    async def store(self, instance: Instance) -> None:
        """Keep an instance; it is durable when this returns.

        Raises:
            MalformedInstance: it cannot be read, or is not the instance its C-STORE named.
            SpoolFull: the disk is full.
        """
        self._changed.add(await self._bridge.run(self._put, instance))

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
        await self.update_catalog()
        return CATALOG_DELAY

    async def reconcile(self) -> None:
        """Make the catalog show what is stored, after a kill between the two."""
        await self._bridge.run(self._reconcile)

    def _put(self, instance: Instance) -> str:
        header = header_of(instance.data, instance.transfer_syntax_uid)
        if header.sop_instance_uid != instance.sop_instance_uid or header.sop_class_uid != instance.sop_class_uid:
            raise MalformedInstance("the data set is of another instance than the request names")
        named = header.instance(instance.data, instance.transfer_syntax_uid)
        self._objects.put(named, header.study, modality=header.modality, now=self._clock.now())
        return named.study_uid

    def _record(self, uids: set[str]) -> None:
        studies = [study for uid in uids if (study := self._objects.study(uid)) is not None]
        self._catalog.record(EMBEDDED, studies, now=self._clock.now())

    def _reconcile(self) -> None:
        now, studies, held = self._clock.now(), self._objects.studies(), set[str]()
        known = set(self._catalog.known(EMBEDDED, "00000000", "99999999")) | set(self._catalog.known(EMBEDDED, "", ""))
        while page := list(islice(studies, PAGE)):
            self._catalog.record(EMBEDDED, page, now=now)
            held.update(study.study_uid for study in page)
        self._catalog.forget(EMBEDDED, known - held, now=now)
