from __future__ import annotations

from dataclasses import replace

from idas_p2p.wire.level import Action, Base, Level, Option

OWN = Level(name="research", base=Base.DEIDENTIFIED, options=frozenset({Option.RETAIN_UIDS, Option.CLEAN_GRAPHICS}))


def test_the_mark_of_a_built_in_level_is_its_name() -> None:
    assert Level(name="obscured", base=Base.OBSCURED).mark == "obscured"


def test_the_mark_of_an_own_level_changes_with_its_definition_and_with_nothing_else() -> None:
    same = replace(OWN, options=frozenset({Option.CLEAN_GRAPHICS, Option.RETAIN_UIDS}))
    assert OWN.mark == same.mark
    assert OWN.mark.startswith("research#")
    changed = {replace(OWN, options=frozenset()).mark, replace(OWN, actions=(("StudyID", Action.KEEP),)).mark, OWN.mark}
    assert len(changed) == 3


def test_a_full_level_that_changes_an_attribute_is_not_full_any_more() -> None:
    assert Level(name="full", base=Base.FULL).is_full
    assert not Level(name="own", base=Base.FULL, actions=(("StudyID", Action.REMOVE),)).is_full
