from __future__ import annotations

from typing import Any

import pytest

from idas_p2p.access.levels import BUILT_IN, Levels, parse_level
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.level import Action, Base, BurnedIn, Option

RESEARCH: dict[str, Any] = {
    "base": "deidentified",
    "options": ["clean-descriptors", "retain-long-modified-dates"],
    "project": "liver-2026",
    "keep": ["StudyDescription"],
    "burned_in": "flagged",
    "regions": [{"modality": "US", "rows": 600, "boxes": [[0, 0, 800, 60]]}],
}


def test_a_level_of_a_hospitals_own_is_read_whole() -> None:
    level = parse_level("research", RESEARCH)
    assert level.base is Base.DEIDENTIFIED
    assert level.options == {Option.CLEAN_DESCRIPTORS, Option.RETAIN_MODIFIED_DATES}
    assert level.actions == (("StudyDescription", Action.KEEP),)
    assert level.burned_in is BurnedIn.FLAGGED
    assert level.regions[0].boxes == ((0, 0, 800, 60),)
    assert len(level.mark) <= 32


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base": "obscure"}, "base"),
        ({"base": "none"}, "none"),
        ({"options": ["retain-everything"]}, "retain-everything"),
        ({"options": "retain-uids"}, "list"),
        ({"options": ["retain-long-full-dates", "retain-long-modified-dates"]}, "not both"),
        ({"keeps": ["StudyID"]}, "keeps"),
        ({"remove": ["StudyDescription"]}, "twice"),
        ({"hides_ids": True}, "obscured"),
        ({"base": "obscured", "options": []}, "deidentified"),
        ({"uid_root": "1.2.840.10008.1"}, "uid_root"),
        ({"regions": [{"boxes": [[0, 0, 9, 9]]}]}, "modality"),
        ({"regions": [{"modality": "US", "boxes": [[0, 0, 9]]}]}, "boxes"),
        ({"burned_in": True}, "burned_in"),
    ],
)
def test_what_is_not_understood_in_full_is_refused_with_the_reason(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfiguration, match=said):
        parse_level("research", RESEARCH | change)


@pytest.mark.parametrize("name", ["full", "none", "Research", "", "a" * 24, "x#1"])
def test_a_name_that_is_taken_or_unfit_for_a_ticket_is_refused(name: str) -> None:
    with pytest.raises(BadConfiguration, match="name"):
        parse_level(name, RESEARCH)


def test_levels_are_found_by_name_and_an_unknown_one_is_refused() -> None:
    levels = Levels()
    assert levels.get("full") is BUILT_IN["full"]
    with pytest.raises(BadConfiguration, match="known are"):
        levels.get("half")


def test_a_level_defined_twice_is_refused() -> None:
    level = parse_level("research", RESEARCH)
    with pytest.raises(BadConfiguration, match="twice"):
        Levels([level, level])


def test_every_level_can_be_listed() -> None:
    own = parse_level("research", RESEARCH)
    assert [level.name for level in Levels([own])] == ["full", "obscured", "deidentified", "none", "research"]
