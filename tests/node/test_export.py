from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.errors import BadConfiguration, ChannelClosed, MalformedInstance
from idas_p2p.node.export import export
from idas_p2p.wire.instance import InstanceFailed, RetrieveEvent, Total
from tests.node.nodes import make_instance


async def events(*items: RetrieveEvent | Exception) -> AsyncIterator[RetrieveEvent]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


def ignore(_: DeliveryReport) -> None:
    """Progress nobody looks at."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_every_instance_becomes_a_file_with_its_own_bytes(bridge: Bridge, tmp_path: Path) -> None:
    instances = [make_instance(number) for number in (1, 2)]
    report = await export(bridge, tmp_path / "out", events(Total(2), *instances), on_progress=ignore)
    written = {read_part10(path).data.read() for path in (tmp_path / "out").iterdir()}
    assert written == {instance.data.read() for instance in instances}
    assert (report.completed, report.failed, report.total) == (2, 0, 2)


async def test_names_of_files_identify_nobody(bridge: Bridge, tmp_path: Path) -> None:
    instance = make_instance(1)
    await export(bridge, tmp_path, events(instance), on_progress=ignore)
    (path,) = names(tmp_path)
    assert instance.sop_instance_uid not in path
    assert "CANARY" not in path


async def test_asking_again_replaces_the_same_files(bridge: Bridge, tmp_path: Path) -> None:
    for _ in range(2):
        await export(bridge, tmp_path, events(make_instance(1)), on_progress=ignore)
    assert len(names(tmp_path)) == 1


async def test_failed_instances_are_counted_and_named(bridge: Bridge, tmp_path: Path) -> None:
    failed = InstanceFailed(sop_instance_uid="1.2.3", reason=MalformedInstance())
    report = await export(bridge, tmp_path, events(Total(3), make_instance(1), failed), on_progress=ignore)
    assert (report.completed, report.failed, report.failed_uids) == (1, 2, ("1.2.3",))


async def test_an_error_of_the_source_leaves_what_was_whole(bridge: Bridge, tmp_path: Path) -> None:
    with pytest.raises(ChannelClosed):
        await export(bridge, tmp_path, events(make_instance(1), ChannelClosed()), on_progress=ignore)
    assert [name.endswith(".dcm") for name in names(tmp_path)] == [True]


async def test_a_folder_that_cannot_be_made_is_the_users_error(bridge: Bridge, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadConfiguration):
        await export(bridge, tmp_path / "file" / "out", events(make_instance(1)), on_progress=ignore)
