from __future__ import annotations

import pytest

from idas_p2p.dicom.scan import header_of
from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.node.coercing import Coercing, CoercionRule
from tests.node.nodes import make_instance
from tests.node.vaults import MemoryVault
from tests.store.makers import make_study

CITY = make_study(patient_id="7", issuer="City", accession_number="A1")


@pytest.fixture
def coercing() -> Coercing:
    return Coercing(MemoryVault(), system="Lake Clinic")


def test_a_table_gives_one_patient_the_local_id_and_a_prefix_keeps_all_others_apart(coercing: Coercing) -> None:
    coercing.add(
        [
            CoercionRule(issuer="CITY", patient="7", to_patient="L-77", to_issuer="LAKE"),
            CoercionRule(issuer="City", prefix="CITY-", accession_prefix="EXT-"),
        ]
    )
    assert coercing.values(CITY) == {"PatientID": "L-77", "IssuerOfPatientID": "LAKE"}
    other = make_study(patient_id="8", issuer="city", accession_number="A1")
    assert coercing.values(other) == {
        "PatientID": "CITY-8",
        "IssuerOfPatientID": "city",
        "AccessionNumber": "EXT-A1",
    }


@pytest.mark.parametrize("issuer", ["", "OTHER"])
def test_an_id_of_another_or_of_no_issuer_stays(coercing: Coercing, issuer: str) -> None:
    coercing.add([CoercionRule(issuer="CITY", patient="7", to_patient="L-77", to_issuer="LAKE")])
    assert coercing.values(make_study(patient_id="7", issuer=issuer)) == {}


def test_what_would_be_too_long_stays(coercing: Coercing) -> None:
    coercing.add([CoercionRule(issuer="City", accession_prefix="EXTERNAL-")])
    assert coercing.values(make_study(issuer="City", accession_number="12345678")) == {}


def test_an_instance_that_no_rule_is_about_is_the_same(coercing: Coercing) -> None:
    coercing.add([CoercionRule(issuer="CITY", prefix="X")])
    instance = make_instance(1)
    assert coercing.apply(instance, source="City Hospital", at=0.0) is instance
    assert Coercing.undo(instance) == instance


def test_rules_are_dropped_by_their_number(coercing: Coercing) -> None:
    coercing.add([CoercionRule(issuer="A", prefix="a"), CoercionRule(issuer="B", prefix="b")])
    coercing.remove(1)
    assert [rule.issuer for rule in coercing.rules()] == ["B"]
    with pytest.raises(NoSuchThing):
        coercing.remove(2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "", "prefix": "x"},
        {"issuer": "A"},
        {"issuer": "A", "patient": "1"},
        {"issuer": "A", "to_patient": "1", "to_issuer": "B"},
        {"issuer": "A", "patient": "1", "to_patient": "2"},
        {"issuer": "A", "prefix": "ü"},
        {"issuer": "A", "prefix": "a\\b"},
    ],
)
def test_a_rule_that_could_mix_patients_or_cannot_be_written_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadConfiguration):
        CoercionRule(**wrong)


def test_a_header_is_enough_to_see_whose_it_is() -> None:
    instance = make_instance(1)
    assert header_of(instance.data, instance.transfer_syntax_uid).study.issuer == ""
