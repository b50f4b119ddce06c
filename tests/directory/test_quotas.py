from __future__ import annotations

import pytest

from idas_p2p.directory.quotas import Quotas, Usage

WRITER = b"w" * 32


def usage(**bounds: float) -> Usage:
    full = Usage(Quotas(**bounds))  # type: ignore[arg-type]
    full.add(WRITER, "8.8.8.0/24", 100)
    return full


@pytest.mark.parametrize(
    "bounds",
    [{"records": 1}, {"size": 199}, {"slots_per_key": 1}, {"bytes_per_key": 199}, {"keys_per_writer": 1}],
    ids=lambda bounds: next(iter(bounds)),
)
def test_limit_28_every_bound_refuses_what_would_exceed_it(bounds: dict[str, float]) -> None:
    held = {"key_slots": 1, "key_bytes": 100}
    assert not usage(**bounds).allows(WRITER, "", 100, replaces=0, **held)
    assert usage(**bounds).allows(WRITER, "", 100, replaces=100, **held)  # taking the place of the held one


def test_limit_28_one_address_block_fills_no_more_than_its_share() -> None:
    shared = usage(records=4, block_share=0.25)
    assert not shared.allows(b"v" * 32, "8.8.8.0/24", 100, replaces=0)
    assert shared.allows(b"v" * 32, "9.9.9.0/24", 100, replaces=0)
    assert shared.allows(b"v" * 32, "", 100, replaces=0)


def test_what_is_counted_out_leaves_nothing_behind() -> None:
    full = usage()
    full.add(WRITER, "8.8.8.0/24", 100, sign=-1)
    assert (full.records, full.size) == (0, 0)
    assert not any(vars(full)[name] for name in vars(full) if name.startswith("_"))
