"""An instance never prints itself; a selection includes what it names."""

from __future__ import annotations

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.wire.instance import Instance, Selection


def test_an_instance_prints_its_size_alone() -> None:
    instance = Instance(
        study_uid="1.2",
        series_uid="1.3",
        sop_class_uid="1.4",
        sop_instance_uid="1.5",
        transfer_syntax_uid="1.6",
        data=MemoryBlob(b"DOE^JANE"),
    )
    assert repr(instance) == "Instance(8 bytes)"


@pytest.mark.parametrize(
    ("series", "instances", "expected"),
    [
        ((), (), True),
        (("s1",), (), True),
        (("s2",), (), False),
        ((), ("i1", "i2"), True),
        ((), ("i2",), False),
        (("s1",), ("i1",), True),
        (("s1",), ("i2",), False),
        (("s2",), ("i1",), False),
    ],
)
def test_a_selection_includes_what_each_of_its_lists_names(
    series: tuple[str, ...], instances: tuple[str, ...], expected: bool
) -> None:
    selection = Selection(study_uid="1.2", series_uids=series, sop_instance_uids=instances)
    assert selection.includes(series_uid="s1", sop_instance_uid="i1") is expected
