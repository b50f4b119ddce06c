from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
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


def files_of(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


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


async def test_rewriting_leaves_only_what_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SLACK", 100)
    kept = written(tmp_path / "j")
    assert kept.is_stale(live=10)
    await kept.rewrite(ENTRIES[:1])
    assert not kept.is_stale(live=10)
    assert list(kept.read()) == ENTRIES[:1]
    assert files_of(tmp_path) == ["j"]


def test_after_damage_the_next_entry_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path)
    path.write_bytes(path.read_bytes() + b"half an entry")
    kept = Journal(path)
    assert list(kept.read()) == ENTRIES
    kept.append("", b"later")
    kept.flush()
    assert list(Journal(path).read()) == [*ENTRIES, ("", b"later")]


async def test_a_large_flush_and_a_rewrite_let_others_have_their_turn(tmp_path: Path) -> None:
    many = [("", number.to_bytes(4, "big")) for number in range(10 * journal.FLUSHED_AT_ONCE)]
    kept = Journal(tmp_path / "j")
    for block, data in many:
        kept.append(block, data)
    assert sum(kept.flush() for _ in range(20)) == 9
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(others())
        await kept.rewrite(many)
        task.cancel()
    assert turns >= len(many) / journal.REWRITTEN_AT_ONCE
    assert list(Journal(tmp_path / "j").read()) == many


async def test_what_is_stored_while_the_file_is_rewritten_is_lost_at_no_moment(tmp_path: Path) -> None:
    kept, told = written(tmp_path / "j"), list[tuple[str, bytes]]()

    def with_others_storing() -> Iterator[tuple[str, bytes]]:
        for number in range(5 * journal.REWRITTEN_AT_ONCE):
            yield "", b"held %d" % number
            kept.append("", b"meanwhile %d" % number)
            told.append(("", b"meanwhile %d" % number))
            if number % 100 == 0:  # whoever reads the file now, as after a kill, finds all that was flushed
                kept.flush()
                assert list(Journal(tmp_path / "j").read()) == ENTRIES + told

    await kept.rewrite(with_others_storing())
    held = [("", b"held %d" % number) for number in range(5 * journal.REWRITTEN_AT_ONCE)]
    assert sorted(Journal(tmp_path / "j").read()) == sorted(held + told)


async def test_a_rewrite_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, bytes]]:
        yield from ENTRIES * journal.REWRITTEN_AT_ONCE
        raise OSError("disk full")

    kept = written(tmp_path / "j")
    with pytest.raises(OSError, match="disk full"):
        await kept.rewrite(broken())
    kept.append("", b"later")
    kept.flush()
    assert list(Journal(tmp_path / "j").read()) == [*ENTRIES, ("", b"later")]
    assert files_of(tmp_path) == ["j"]


REWRITES_FOR_EVER = """
import asyncio, sys
from itertools import count
from pathlib import Path
from idas_p2p.directory.journal import Journal

kept = Journal(Path(sys.argv[1]))

def records():
    for number in count():
        kept.append("", b"meanwhile %d" % number)
        yield "", b"held %d" % number
        if number == 10_000:
            print("in the middle", flush=True)

asyncio.run(kept.rewrite(records()))
"""


def test_a_process_killed_in_the_middle_of_rewriting_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path)
    with subprocess.Popen([sys.executable, "-c", REWRITES_FOR_EVER, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in the middle\n"
        process.kill()
    read = list(Journal(path).read())
    flushed = 10_000 - 10_000 % journal.REWRITTEN_AT_ONCE
    assert read[:2] == ENTRIES
    assert read[2 : 2 + flushed] == [("", b"meanwhile %d" % number) for number in range(flushed)]
