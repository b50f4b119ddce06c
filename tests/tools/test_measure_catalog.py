from __future__ import annotations

from pathlib import Path

from idas_p2p.dicom.matching import matches
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from tools.measure_catalog import ARCHIVE, UNSELECTIVE, fill, made_studies, queries, summary


def test_the_same_seed_makes_the_same_studies_and_every_query_is_for_one_of_them() -> None:
    studies = list(made_studies(40, 3))
    assert studies == list(made_studies(40, 3))
    assert len({study.study_uid for study in studies}) == 40
    for kind, some in queries(40, 3).items():
        assert len(some) == 40, kind
        for query in some:
            assert any(matches(query, study) for study in studies), kind


def test_what_is_recorded_is_found_again(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/node.db")
    catalog = Catalog(database)
    assert fill(catalog, 40, 3) > 0
    assert [(count.archive, count.studies) for count in catalog.counts()] == [(ARCHIVE, 40)]
    for some in queries(40, 3).values():
        assert all(list(catalog.studies(query)) for query in some)
    database.close()


def test_the_slow_ones_count_in_a_summary() -> None:
    assert summary([0.001] * 90 + [0.1] * 10, [2] * 100) == {"p50_ms": 1.0, "p95_ms": 100.0, "answers": 2}
    assert "everything" in UNSELECTIVE
