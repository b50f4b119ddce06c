from __future__ import annotations

from dataclasses import replace

from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.feed import FOREIGN
from idas_p2p.store.foreign import PRIOR, ForeignStudies, ForeignStudy
from tests.store.makers import make_study

STUDY = ForeignStudy(study_uid="1.2", node=bytes(32), institution="City Hospital", why=PRIOR, expires=9.0)


def test_what_is_known_of_an_exam_is_kept_and_replaced(database: Database) -> None:
    studies = ForeignStudies(database)
    studies.add(STUDY)
    studies.add(replace(STUDY, checked_at=5.0))
    studies.add(replace(STUDY, study_uid="1.3"))
    assert studies.get("1.2") == replace(STUDY, checked_at=5.0)
    assert [one.study_uid for one in studies.all()] == ["1.3", "1.2"]
    studies.remove("1.2")
    studies.remove("1.2")
    assert studies.get("1.2") is None


def test_an_exam_of_others_is_never_due_for_publication(database: Database) -> None:
    catalog = Catalog(database)
    catalog.record(FOREIGN, [make_study("1.2")], now=1.0)
    assert catalog.pending(9, now=2.0) == []
    catalog.record("pacs", [make_study("1.2", instance_count=1)], now=3.0)
    assert [one.study and one.study.instance_count for one in catalog.pending(9, now=4.0)] == [1]
    catalog.forget("pacs", ["1.2"], now=5.0)
    assert [one.is_withdrawn for one in catalog.pending(9, now=6.0)] == [True]
