"""Passes and emergencies as a person sees them."""

from __future__ import annotations

from typing import Any

from rich.console import Console, RenderableType

from idas_p2p.dashboard.outsiders import emergencies_table, offered_table, passes_table


def shown(picture: RenderableType) -> str:
    console = Console(width=240)
    with console.capture() as capture:
        console.print(picture)
    return capture.get()


def test_a_pass_shows_its_label_state_level_and_use() -> None:
    row = {"label": "3fa9c21b", "state": "used", "level": "full", "uses": 1, "done": 1, "begun": 1, "study_uid": "1.2"}
    text = shown(passes_table({"passes": [row]}))
    assert all(word in text for word in ("3fa9c21b", "used", "full", "1 of 1", "1.2"))
    assert "idas share" in shown(passes_table({"passes": []}))


def test_an_emergency_shows_whose_it_is_and_why() -> None:
    row: dict[str, Any] = {"number": 1, "side": "holder", "state": "open", "user": "dr-lee", "reason": "unconscious"}
    text = shown(emergencies_table({"opened": [row]}, key="opened"))
    assert all(word in text for word in ("of theirs, here", "dr-lee", "unconscious", "never"))
    assert "of ours, there" in shown(emergencies_table({"emergencies": [{**row, "side": "requester"}]}))
    assert "No emergency" in shown(emergencies_table({}))


def test_what_is_offered_looks_like_what_is_found() -> None:
    study = {"PatientName": "CANARY", "StudyInstanceUID": "1.2.3", "Holders": ["Lake Clinic"]}
    assert "Lake Clinic" in shown(offered_table({"studies": [study]}))
