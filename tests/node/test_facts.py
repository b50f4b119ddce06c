from __future__ import annotations

from idas_p2p.access.labels import Labelled
from idas_p2p.access.objects import Facts, Patient
from idas_p2p.node.facts import every_study, facts_of_entries
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.wire.study import Study

LABELLED = Labelled(patients=[(Patient("p-1"), "vip")])
BIG = Study(study_uid="1.2", patient_id="P-1", modalities=("CT",), study_date="20240131", instance_count=2)
SMALL = Study(study_uid="1.2", patient_id="P-1", modalities=("SR",), instance_count=1)
UNITED = Facts(
    study_uid="1.2",
    patient=Patient("p-1"),
    modalities=("CT", "SR"),
    date="20240131",
    archives=("big", "small"),
    labels=("vip",),
)


def test_a_study_of_two_archives_is_one_with_what_either_knows(database: Database) -> None:
    catalog = Catalog(database)
    catalog.record("small", [SMALL], now=1.0)
    catalog.record("big", [BIG, Study(study_uid="9.9")], now=1.0)
    assert list(every_study(catalog, LABELLED)) == [UNITED, Facts(study_uid="9.9", archives=("big",))]


def test_the_only_archives_studies_are_told_once_each(database: Database) -> None:
    catalog = Catalog(database)
    catalog.record("big", [BIG], now=1.0)
    assert [facts.archives for facts in every_study(catalog, LABELLED)] == [("big",)]
    assert facts_of_entries([], LABELLED) == Facts(study_uid="")
