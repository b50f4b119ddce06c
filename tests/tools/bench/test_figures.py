"""Figures replace what stands between the marks, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.bench.figures import BEGIN, END, NoPlace, block, with_figures

REPORT: dict[str, Any] = {
    "idas-node": {"median": 1.5, "wire_bytes": 15_000_000},
    "dicomweb": {"median": 4.0, "wire_bytes": None},
    "storescu": {"error": "refused"},
    "link": {"words": "20 Mbit/s, 40 ms"},
    "data": {"instances": 140, "bytes": 70_000_000},
    "machine": {"processors": 2, "load_before": 0.5, "load_after": 2.5},
    "goals": [{"what": "idas-node / dicomweb", "value": 0.375, "at_most": 0.4, "reached": True}],
}


def test_only_what_is_between_the_marks_is_replaced() -> None:
    document = f"# One\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_figures(document, "new\n") == f"# One\n{BEGIN}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize("document", ["", BEGIN, f"{END}{BEGIN}"])
def test_a_document_without_both_marks_is_refused(document: str) -> None:
    with pytest.raises(NoPlace):
        with_figures(document, "new")


def test_the_documentation_has_a_place_for_the_figures() -> None:
    document = (Path(__file__).parents[3] / "docs" / "performance.md").read_text()
    assert "new figures" in with_figures(document, "new figures\n")


def test_the_block_tells_medians_wire_goals_and_load() -> None:
    text = block([REPORT], chart="performance.png")
    assert "| idas_p2p, node to node | 1.50 (15.0) |" in text
    assert "| Orthanc DICOMweb, study retrieve | 4.00 |" in text
    assert "storescu" not in text
    assert "| idas-node / dicomweb | 0.38 | 0.40 | reached |" in text
    assert "load between 0.5 and 2.5" in text
