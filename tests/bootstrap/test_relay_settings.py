"""The table [relay] of bootstrap.toml."""

from __future__ import annotations

import pytest

from bootstrap.relay_settings import TABLE, RelaySettings
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.toml import TomlTable

NODE = SigningKey(b"\1" * 32).node_id


def read(text: str) -> RelaySettings:
    return RelaySettings.read(TomlTable.parse(text, file="bootstrap.toml").table("relay"))


def test_what_init_writes_are_the_defaults() -> None:
    assert read(TABLE.format(enabled="true")) == RelaySettings(enabled=True)
    assert read("") == RelaySettings(enabled=False)


def test_rates_are_given_in_megabits_and_amounts_in_gigabytes() -> None:
    settings = read("[relay]\nmbit = 8.0\ngb_per_day_per_node = 2.0\n")
    assert (settings.rate.total, settings.amount.per_node) == (1e6, 2e9)


def test_nodes_are_listed_by_their_ids() -> None:
    assert read(f'[relay]\nnodes = ["{NODE}"]\n').nodes == {NODE}


@pytest.mark.parametrize("line", ["mbit = 0", "sessions = -1", 'nodes = ["x"]', "drain_seconds = 601", "typo = 1"])
def test_what_makes_no_sense_is_refused(line: str) -> None:
    with pytest.raises(BadConfiguration, match=line.split()[0]):
        read(f"[relay]\n{line}\n")
