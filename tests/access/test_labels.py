from __future__ import annotations

from idas_p2p.access.labels import Labelled
from idas_p2p.access.objects import Patient

LABELLED = Labelled([("1.2", "trial")], [(Patient("p", "city"), "vip"), (Patient("p"), "staff"), (Patient("p"), "vip")])


def test_a_study_bears_its_own_labels_and_those_of_its_patient() -> None:
    assert LABELLED.of("1.2", Patient("p", "city")) == ("trial", "vip", "staff")
    assert LABELLED.of("1.3", Patient("p", "lake")) == ("staff", "vip")
    assert LABELLED.of("1.2", Patient("q")) == ("trial",)
    assert Labelled().of("1.2", Patient("p")) == ()
