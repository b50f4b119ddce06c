from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idas_p2p.directory import journal
from idas_p2p.directory.journal import Journal

ENTRIES = [("", b"first"), ("8.8.8.0/24", b"second" * 100)]


def written(path: Path) -> Journal:
    kept = Journal(path)
    for block, data in ENTRIES:
        kept.append(block, data)
    kept.flush()
    return kept


def test_what_was_flushed_is_read_by_the_next_run(tmp_path: Path) -> None:
    written(tmp_path / "j")
    assert list(Journal(tmp_path / "j").read()) == ENTRIES


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    assert list(Journal(tmp_path / "j").read()) == []


@pytest.mark.parametrize("cut", [1, 5, 11, 300])
def test_an_entry_cut_by_a_power_failure_costs_only_itself(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "j"
    written(path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(Journal(path).read()) == ENTRIES[:1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_limit_12_any_file_is_read_without_harm(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "j"
    path.write_bytes(data)
    assert all(isinstance(block, str) and isinstance(entry, bytes) for block, entry in Journal(path).read())


def test_rewriting_leaves_only_what_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SLACK", 100)
    kept = written(tmp_path / "j")
    assert kept.is_stale(live=10)
    kept.rewrite(ENTRIES[:1])
    assert not kept.is_stale(live=10)
    assert list(kept.read()) == ENTRIES[:1]
    assert [path.name for path in tmp_path.iterdir()] == ["j"]
