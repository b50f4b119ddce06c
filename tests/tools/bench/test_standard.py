"""The standard set is every line with a goal, and the given study beside a noisier one."""

from __future__ import annotations

from pathlib import Path

from tools.bench.report import ratio_goals
from tools.bench.standard import LINES, studies
from tools.images import shipped


def test_every_standard_line_has_goals_and_a_name_of_its_own() -> None:
    assert all(len(ratio_goals(line)) == 2 for line in LINES)
    assert len({line.words for line in LINES}) == len(LINES) == 5


def test_the_noisier_study_is_made_from_the_given_one(tmp_path: Path) -> None:
    (source,) = shipped("CT_small.dcm")
    (tmp_path / "one.dcm").write_bytes(source.files[0].read_bytes())
    with studies(tmp_path, 3) as (given, noisier):
        assert given.study_uid == source.study_uid
        assert noisier.study_uid != source.study_uid
        assert [path.exists() for path in noisier.files] == [True] * 3


def test_without_a_study_there_is_the_noisier_one_alone() -> None:
    with studies(None, 1) as chosen:
        assert [len(study.files) for study in chosen] == [1]
