"""Transfers as a table, and a result as a sentence."""

from __future__ import annotations

from idas_p2p.dashboard.transfers import retrieved_text, transfers_table
from tests.dashboard.pictures import drawn

TRANSFER = {
    "number": 12,
    "direction": "in",
    "study_uid": "1.2.3",
    "peer": "City\x07",
    "state": "failed",
    "instances": 100,
    "total": 140,
    "failed": 3,
    "bytes": 52_000_000,
    "wire_bytes": 17_000_000,
    "ratio": 3.06,
    "rate": 14_900_000,
    "seconds": 3.5,
    "left_seconds": 1.4,
    "path": "direct",
    "reason": "copies_differ",
}


def test_a_transfer_is_shown_with_its_progress_and_cost() -> None:
    shown = drawn(transfers_table({"transfers": [TRANSFER]}))
    for words in ("City\\x07", "failed", "100 of 140, 3 failed", "52 MB", "17 MB", "3.5 s", "direct", "1.2.3"):
        assert words in shown
    for words in ("3.06", "14.9 MB/s", "1.4 s", "copies_differ"):
        assert words in shown


def test_a_transfer_that_has_only_begun_is_shown() -> None:
    assert "– of –" in drawn(transfers_table({"transfers": [{"number": 1, "state": "active"}]}))


def test_a_result_counts_what_failed() -> None:
    result = {"instances": 139, "failed": ["1.2.3"], "bytes": 1, "wire_bytes": 1, "seconds": 2.0, "path": "direct"}
    assert retrieved_text(result).plain == "139 images, 1 B (1 B on the wire) in 2 s, direct, from –; 1 failed"


def test_a_result_names_whose_copy_was_left_out() -> None:
    result = {"instances": 1, "failed": [], "bytes": 1, "wire_bytes": 1, "seconds": 2.0, "path": "direct"}
    assert retrieved_text({**result, "differing": ["Carl"]}).plain.endswith("; another copy was left out, at Carl")
