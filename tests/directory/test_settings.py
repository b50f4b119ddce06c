from __future__ import annotations

import pytest

from idas_p2p.directory.quotas import Quotas
from idas_p2p.directory.settings import TABLE, DirectorySettings
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.toml import TomlTable


def read(text: str) -> DirectorySettings:
    return DirectorySettings.read(TomlTable.parse(text, file="node.toml").table("directory"))


def test_the_documented_table_and_no_table_are_the_defaults() -> None:
    assert read(TABLE) == read("") == DirectorySettings()


def test_every_key_is_taken() -> None:
    assert read("[directory]\nrecords = 5\nbytes = 5000\nblock_share = 0.25\ncontacts_per_block = 8") == (
        DirectorySettings(quotas=Quotas(records=5, size=5_000, block_share=0.25), contacts_per_block=8)
    )


@pytest.mark.parametrize(
    "line", ["records = 0", "records = 1.5", "bytes = 999", "block_share = 0", "contacts_per_block = 9", "other = 1"]
)
def test_what_is_out_of_bounds_is_refused_by_line_and_key(line: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        read(f"[directory]\n{line}\n")
    assert f"node.toml, line 2: directory.{line.split()[0]}: " in refused.value.detail
