"""The dashboard as a program: keys, scrolling, when to ask the node again.

Belongs here: that. Not here: what is shown (views.py), how the node is asked (cli/monitor.py).
Source: textual.textualize.io; it draws by rich, in as many colours as the terminal has (none with NO_COLOR).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from rich.console import RenderableType
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static, Tab, Tabs

from idas_p2p.clock import Clock
from idas_p2p.dashboard.monitor.snapshot import Snapshot
from idas_p2p.dashboard.monitor.views import VIEWS, heading
from idas_p2p.errors import IdasError

PULSE: Final = 1.0  # seconds between looks at transfers and log; ours
WHOLE: Final = 5  # pulses between looks at everything; ours: the catalog is counted for it

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


class WhichTransfer(ModalScreen[int | None]):
    """Asks for the number of a transfer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back")]

    def compose(self) -> ComposeResult:
        """One line to type into."""
        yield Input(placeholder="number of the transfer to stop; Esc: none", type="integer")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the number over."""
        self.dismiss(int(event.value) if event.value.strip() else None)

    def action_leave(self) -> None:
        """No number."""
        self.dismiss(None)


class Monitor(App[None]):
    """The dashboard.

    Args:
        ask: asks the node one command; called in a thread; raises IdasError.
        on_reveal: told when the operator has patient data shown, so that it is audited.
        clock: the time.
    """

    CSS = "#view { padding: 0 1; } #heading { padding: 0 1; } Tabs { dock: top; } Input { margin: 4 8; }"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(place), f"show('{name}')", name, show=False) for place, name in enumerate(VIEWS, 1)),
        Binding("tab,right", "turn(1)", "next view", priority=True),
        Binding("shift+tab,left", "turn(-1)", "previous", show=False, priority=True),
        Binding("r", "refresh_now", "refresh"),
        Binding("s", "stop_transfer", "stop a transfer"),
        Binding("p", "reveal", "patient data"),
        Binding("q,ctrl+c", "quit", "quit"),
    ]

    def __init__(self, ask: Ask, *, on_reveal: Callable[[], None], clock: Clock) -> None:
        super().__init__()
        self._ask, self._on_reveal, self._clock = ask, on_reveal, clock
        self.snapshot, self.shown, self.reveals = Snapshot(), "overview", False
        self._pulses = 0

    def compose(self) -> ComposeResult:
        """Heading, tabs, the view, keys."""
        yield Static(id="heading")
        yield Tabs(*(Tab(f"{place} {name}", id=name) for place, name in enumerate(VIEWS, 1)))
        with VerticalScroll():
            yield Static(id="view")
        yield Footer()

    async def on_mount(self) -> None:
        """Begin to look."""
        self.query_one(VerticalScroll).focus()
        self.set_interval(PULSE, self.look)
        await self.look()

    async def look(self) -> None:
        """Ask the node what is new, and draw it."""
        is_whole = self._pulses % WHOLE == 0 or bool(self.snapshot.trouble)
        self._pulses += 1
        try:
            answer = await asyncio.to_thread(self._ask, "overview" if is_whole else "pulse", {})
        except IdasError as error:
            self.snapshot = self.snapshot.without_answer(error.detail or error.explanation())
        else:
            self.snapshot = self.snapshot.with_pulse(answer, now=self._clock.now())
        self.draw()

    def draw(self) -> None:
        """Show the snapshot in the view that is chosen."""
        view: RenderableType = VIEWS[self.shown](self.snapshot, self.reveals)
        self.query_one("#heading", Static).update(heading(self.snapshot))
        self.query_one("#view", Static).update(view)

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """A tab was chosen by mouse or key."""
        self.shown = str(event.tab.id)
        self.query_one(VerticalScroll).scroll_home(animate=False)
        self.draw()

    def action_show(self, name: str) -> None:
        """Choose a view."""
        self.query_one(Tabs).active = name

    def action_turn(self, step: int) -> None:
        """Choose the next or previous view."""
        names = list(VIEWS)
        self.action_show(names[(names.index(self.shown) + step) % len(names)])

    async def action_refresh_now(self) -> None:
        """Look at everything now."""
        self._pulses = 0
        await self.look()

    def action_reveal(self) -> None:
        """Show or hide patient data; showing it is audited."""
        self.reveals = not self.reveals
        if self.reveals:
            self._on_reveal()
        self.draw()

    def action_stop_transfer(self) -> None:
        """Ask which transfer, and have the node stop it."""
        self.push_screen(WhichTransfer(), self._stop)

    async def _stop(self, chosen: int | None) -> None:
        if chosen is None:
            return
        try:
            await asyncio.to_thread(self._ask, "transfer_stop", {"number": chosen})
        except IdasError as error:
            self.notify(error.detail or error.explanation(), severity="error", markup=False)
        else:
            self.notify(f"transfer {chosen} stops at its next image", markup=False)
