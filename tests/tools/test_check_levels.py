"""Identifiers planted in real files are right at every level; and whatever a level did wrong would be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest

from idas_p2p.dicom.levels.engine import Engine
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.level import Action
from tools.check_levels.__main__ import BOX_ROWS, BOXED, PASSES, RESEARCH, check, engine, instance_of
from tools.check_levels.files import real_files
from tools.check_levels.judging import Book, Class, judge, judge_pixels
from tools.check_levels.planting import PEOPLE, Planted, plant

CT = next(path for path in real_files() if path.name == "CT_small.dcm")
EVERY = 14  # of the files that packages ship, one in so many; `python -m tools.check_levels` takes all


def planted_ct() -> tuple[Planted, Instance]:
    planted = plant(CT, PEOPLE[0])
    assert planted is not None
    instance = instance_of(planted)
    assert instance is not None
    return planted, instance


def test_planted_identifiers_are_right_in_all_ten_classes() -> None:
    books, kinds, files = check(islice(real_files(), 0, None, EVERY))
    assert {str(book.level): book.wrong for book in books} == {str(book.level): [] for book in books}
    assert {kind for book in books for kind in book.right} == set(Class)
    assert len(kinds) >= 60
    assert files >= 15


FAULTS: dict[Class, Callable[[Instance], Instance]] = {
    Class.TEXT_REMOVED: lambda instance: instance,
    Class.DATE_SHIFTED: lambda instance: instance,
    Class.UID_CHANGED: lambda instance: instance,
    Class.TEXT_RETAINED: engine(PASSES).apply,
    Class.TEXT_NOT_NULL: engine(replace(RESEARCH, name="a", actions=(("SeriesDescription", Action.EMPTY),))).apply,
    Class.TAG_RETAINED: engine(replace(RESEARCH, name="b", actions=(("BodyPartExamined", Action.REMOVE),))).apply,
    Class.PIXELS_RETAINED: engine(BOXED).apply,
}


@pytest.mark.parametrize("kind", FAULTS, ids=str)
def test_what_is_wrong_is_found(kind: Class) -> None:
    planted, instance = planted_ct()
    book = Book(RESEARCH)
    judge(book, planted, FAULTS[kind](instance))
    assert kind in {found for found, _, _ in book.wrong}


def test_another_pseudonym_of_the_same_patient_is_found() -> None:
    planted, instance = planted_ct()
    book = Book(RESEARCH)
    for key in (bytes(32), bytes([1]) * 32):
        judge(book, planted, Engine(Plan(RESEARCH), Pseudonyms(key)).apply(instance))
    assert {Class.UID_CONSISTENT, Class.PATIENT_CONSISTENT} <= {found for found, _, _ in book.wrong}


def test_rows_that_were_not_blanked_are_found() -> None:
    planted, instance = planted_ct()
    book = Book(BOXED)
    judge_pixels(book, planted, engine(RESEARCH).apply(instance), BOX_ROWS)
    assert [found for found, _, _ in book.wrong] == [Class.PIXELS_HIDDEN]
