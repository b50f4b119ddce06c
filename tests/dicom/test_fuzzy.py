from __future__ import annotations

import pytest

from idas_p2p.dicom.fuzzy import alike, fuzzy_test, soundex
from idas_p2p.dicom.matching import matches
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("Schmidt", "Schmitt^Anna"),
        ("Anna Schmidt", "SCHMIDT^ANNA"),
        ("Mueller^Hans", "Muller^Hans-Peter"),
        ("Smyth^Jon", "Smith^John"),
        ("Yamada", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("山田", "Yamada^Tarou=山田^太郎"),
        ("Petersen^L", "Peterson^Lars"),
        ("van den Berg", "van den Bergh^Kees"),
        ("müller", "MULLER^JÖRG"),
    ],
)
def test_a_name_is_found_by_one_that_is_like_it(key: str, name: str) -> None:
    assert fuzzy_test(key)(name)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("Schmidt", "Fischer^Anna"),
        ("Anna", "Schmidt^Anna"),  # a given name alone means nobody
        ("Schmidt^Berta", "Schmidt^Anna"),
        ("Li", "Wang^Li"),
        ("P", "Peterson^Lars"),  # an initial is no family name
        ("Lee", ""),
        ("", "Lee"),
    ],
)
def test_a_name_is_not_found_by_one_that_is_not(key: str, name: str) -> None:
    assert not fuzzy_test(key)(name)


def test_soundex_is_that_of_the_book() -> None:
    names = ("euler", "gauss", "hilbert", "knuth", "lloyd", "lukasiewicz", "wachs")
    assert [soundex(name) for name in names] == ["e460", "g200", "h416", "k530", "l300", "l222", "w200"]


@pytest.mark.parametrize("word", ["meyer", "meier", "mayer"])
def test_spellings_of_one_name_are_alike(word: str) -> None:
    assert alike("maier", word)


def test_a_query_says_whether_names_need_only_be_alike() -> None:
    study = Study(study_uid="1.2", patient_name="Schmitt^Anna")
    assert matches(StudyQuery.of({"PatientName": "schmidt"}, fuzzy_names=True), study)
    assert not matches(StudyQuery.of({"PatientName": "schmidt"}), study)
    assert not matches(StudyQuery.of({"PatientName": "schmidt", "StudyDate": "20240101"}, fuzzy_names=True), study)
