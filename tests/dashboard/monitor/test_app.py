"""The dashboard as a program, driven by keys as a person drives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from textual.widgets import Static

from idas_p2p.dashboard.monitor.app import Monitor
from idas_p2p.dashboard.monitor.views import VIEWS
from idas_p2p.errors import IdasError, NodeNotRunning, NoSuchThing
from tests.dashboard.monitor.samples import CANARY, WHOLE
from tests.dashboard.pictures import drawn
from tests.directory.network import ManualClock


@dataclass
class Scripted:
    """A node that answers what the test says, and keeps what it was asked."""

    error: IdasError | None = None
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    revealed: int = 0

    def ask(self, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((command, dict(arguments)))
        if self.error is not None:
            raise self.error
        return WHOLE

    def reveal(self) -> None:
        self.revealed += 1

    def app(self) -> Monitor:
        return Monitor(self.ask, on_reveal=self.reveal, clock=ManualClock())


def screen(app: Monitor) -> str:
    return drawn(app.query_one("#view", Static).content)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(80, 24), (300, 90)])
async def test_number_keys_choose_the_view(size: tuple[int, int]) -> None:
    node = Scripted()
    async with node.app().run_test(size=size) as pilot:
        app = pilot.app
        assert isinstance(app, Monitor)
        for place, name in enumerate(VIEWS, 1):
            await pilot.press(str(place))
            await pilot.pause()
            assert app.shown == name
        await pilot.press("tab")
        await pilot.pause()
        assert app.shown == "overview"
        assert "disk_full" in screen(app)


async def test_patient_data_is_shown_only_after_its_key_which_is_told() -> None:
    node = Scripted()
    async with node.app().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Monitor)
        await pilot.press("3")
        await pilot.pause()
        assert CANARY not in screen(app)
        await pilot.press("p")
        assert CANARY in screen(app)
        assert node.revealed == 1
        await pilot.press("p")
        assert CANARY not in screen(app)
        assert node.revealed == 1


async def test_a_transfer_is_stopped_by_its_number() -> None:
    node = Scripted()
    async with node.app().run_test() as pilot:
        await pilot.press("s")
        await pilot.press("7", "enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert ("transfer_stop", {"number": 7}) in node.asked


async def test_a_number_that_is_none_is_told_and_nothing_breaks() -> None:
    node = Scripted()
    async with node.app().run_test() as pilot:
        await pilot.press("s", "escape")
        node.error = NoSuchThing("no transfer 9 is under way")
        await pilot.press("s", "9", "enter")
        await pilot.pause()
        assert pilot.app.is_running


async def test_a_node_that_stops_answering_leaves_what_was_known_on_the_screen() -> None:
    node = Scripted()
    async with node.app().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Monitor)
        node.error = NodeNotRunning("/srv/idas")
        await app.look()
        assert app.snapshot.trouble == "/srv/idas"
        assert "disk_full" in screen(app)
        node.error = None
        await app.look()
        assert app.snapshot.trouble == ""


async def test_everything_is_asked_for_now_and_then_and_else_only_what_changes_fast() -> None:
    node = Scripted()
    async with node.app().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Monitor)
        node.asked.clear()
        await app.action_refresh_now()
        for _ in range(4):
            await app.look()
        commands = [command for command, _ in node.asked]
        assert commands[0] == "overview"
        assert set(commands) == {"overview", "pulse"}
