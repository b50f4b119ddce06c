from __future__ import annotations

from idas_p2p.store.database import Database
from idas_p2p.store.pseudonyms import PATIENT, STUDY, Pseudonym, PseudonymStore

ON_STUDY = Pseudonym(kind=STUDY, shown="2.25.1", original="1.2.3")
ON_PATIENT = Pseudonym(kind=PATIENT, shown="ABCD", original="P-1")


def test_a_pseudonym_leads_back_to_what_it_stands_for(database: Database) -> None:
    store = PseudonymStore(database)
    for _ in range(2):
        store.add([ON_STUDY, ON_PATIENT])
    assert store.original(STUDY, "2.25.1") == "1.2.3"
    assert store.original(PATIENT, "2.25.1") is None
    assert store.reveal("ABCD") == [ON_PATIENT]
    assert store.reveal("nothing") == []


def test_a_pseudonym_never_prints_what_it_stands_for() -> None:
    assert "P-1" not in repr(ON_PATIENT)
