from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.store.rows import fingerprint, row_of, storable, study_of
from idas_p2p.wire.study import Study
from tests.store.makers import make_study

TEXT = st.text(max_size=8)
STUDIES = st.builds(
    Study,
    study_uid=st.sampled_from(["1.2", "1.3"]),
    patient_id=TEXT,
    patient_name=TEXT,
    description=TEXT,
    modalities=st.lists(st.sampled_from(["CT", "MR", "SR"]), unique=True).map(lambda found: tuple(sorted(found))),
    instance_count=st.integers(0, 2**31),
)


@pytest.mark.parametrize("text", ["", "plain", "Müller", "\ud7ff\ue000", "👍"])
def test_ordinary_text_is_stored_unchanged(text: str) -> None:
    assert storable(text) == text


@given(text=st.text())
def test_any_text_becomes_one_that_a_database_can_hold(text: str) -> None:
    assert "\0" not in storable(text)
    assert storable(text).encode().decode() == storable(text)
    assert len(storable(text)) == len(text)


@given(study=STUDIES)
def test_a_study_comes_back_from_its_row(study: Study) -> None:
    row = row_of(study)
    again = study_of({"id": 7, **row})
    assert row_of(again) == row
    assert again.modalities == study.modalities


@given(first=STUDIES, second=STUDIES)
def test_fingerprints_are_equal_exactly_when_the_studies_are(first: Study, second: Study) -> None:
    one, other = row_of(first), row_of(second)
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


def test_text_that_moved_to_another_field_changes_the_fingerprint() -> None:
    moved = [make_study(patient_id="AB", issuer=""), make_study(patient_id="A", issuer="B")]
    assert len({fingerprint(row_of(study)) for study in moved}) == 2
