from __future__ import annotations

import pytest

from idas_p2p.errors import NoSuchThing
from idas_p2p.store.database import Database
from idas_p2p.store.labels import PATIENT, STUDY, Label, Labels

ON_STUDY = Label(label="trial", kind=STUDY, name="1.2")
ON_PATIENT = Label(label="vip", kind=PATIENT, name="p-1", issuer="city")


def test_labels_come_back_as_they_were_put_and_are_put_once(database: Database) -> None:
    labels = Labels(database)
    for label in (ON_PATIENT, ON_STUDY, ON_STUDY):
        labels.add(label)
    assert labels.all() == [ON_STUDY, ON_PATIENT]
    labels.remove(ON_STUDY)
    assert labels.all() == [ON_PATIENT]
    with pytest.raises(NoSuchThing):
        labels.remove(ON_STUDY)


def test_a_label_never_prints_whom_it_is_on() -> None:
    assert "p-1" not in repr(ON_PATIENT)
