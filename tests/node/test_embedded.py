from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.clock import SystemClock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.errors import InstanceKept, MalformedInstance
from idas_p2p.node.dicom_settings import OnChange
from idas_p2p.node.embedded import EmbeddedStore
from idas_p2p.node.sources import EMBEDDED
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore
from idas_p2p.wire.instance import Instance, Selection
from tests.node.nodes import STUDY, make_instance


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


def open_store(database: Database, folder: Path, bridge: Bridge) -> EmbeddedStore:
    objects = ObjectStore(folder / "objects", database)
    return EmbeddedStore(objects, Catalog(database), bridge=bridge, clock=SystemClock())


@pytest.fixture
def embedded(database: Database, tmp_path: Path, bridge: Bridge) -> EmbeddedStore:
    return open_store(database, tmp_path, bridge)


def counts(catalog: Catalog) -> dict[str, int]:
    return {entry.study.study_uid: entry.study.instance_count for entry in catalog.entries(STUDY)}


async def test_many_instances_make_one_study_in_the_catalog(embedded: EmbeddedStore, catalog: Catalog) -> None:
    for number in range(3):
        await embedded.store(make_instance(number))
    assert counts(catalog) == {}
    await embedded.turn()
    assert counts(catalog) == {STUDY: 3}


async def test_an_instance_that_is_not_what_its_request_names_is_refused(embedded: EmbeddedStore) -> None:
    with pytest.raises(MalformedInstance):
        await embedded.store(replace(make_instance(1), sop_instance_uid="9.9.9"))
    with pytest.raises(MalformedInstance):
        await embedded.store(replace(make_instance(1), data=MemoryBlob(b"\xff" * 100)))


async def test_a_kill_between_store_and_catalog_loses_nothing(
    embedded: EmbeddedStore, database: Database, tmp_path: Path, bridge: Bridge, catalog: Catalog
) -> None:
    await embedded.store(make_instance(1))
    after_the_kill = open_store(database, tmp_path, bridge)
    await after_the_kill.reconcile()
    assert counts(catalog) == {STUDY: 1}


async def test_a_study_the_store_does_not_have_leaves_the_catalog_at_the_next_start(
    embedded: EmbeddedStore, catalog: Catalog
) -> None:
    await embedded.store(make_instance(1))
    await embedded.update_catalog()
    catalog.record(EMBEDDED, [replace(catalog.entries(STUDY)[0].study, study_uid="9.9")], now=1.0)
    await embedded.reconcile()
    assert catalog.entries("9.9") == []
    assert counts(catalog) == {STUDY: 1}


async def test_an_update_that_failed_is_made_up_for_by_the_next(
    embedded: EmbeddedStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await embedded.store(make_instance(1))
    with monkeypatch.context() as broken:
        broken.setattr(embedded, "_record", lambda uids: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await embedded.update_catalog()
    await embedded.update_catalog()
    assert counts(catalog) == {STUDY: 1}


def changed(number: int) -> Instance:
    """The instance of that number, with other pixels."""
    instance = make_instance(number)
    data = bytearray(instance.data.read())
    data[-1] ^= 1
    return replace(instance, data=MemoryBlob(bytes(data)))


@pytest.mark.parametrize("rule", OnChange)
async def test_an_instance_with_other_bytes_is_treated_by_rule(
    rule: OnChange, database: Database, tmp_path: Path, bridge: Bridge
) -> None:
    objects = ObjectStore(tmp_path / "objects", database)
    embedded = EmbeddedStore(objects, Catalog(database), bridge=bridge, clock=SystemClock(), on_change=rule)
    first, second = make_instance(1), changed(1)
    assert await embedded.store(first) == ""
    assert await embedded.store(first) == ""  # the same bytes are welcome under every rule
    if rule is OnChange.REFUSE:
        with pytest.raises(InstanceKept):
            await embedded.store(second)
    else:
        assert bool(await embedded.store(second)) == (rule is OnChange.KEEP)
    (kept,) = objects.instances(Selection(study_uid=STUDY))
    assert kept.data.read() == (second if rule is OnChange.REPLACE else first).data.read()
