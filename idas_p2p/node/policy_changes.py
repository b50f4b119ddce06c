"""Every change of the policy in force, in the audit log: which rules came and which went.

What was in force last is kept in the database, so that a change made while the node did not run is recorded when it
starts. Belongs here: the difference. Not here: the rules (rules.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Note
from idas_p2p.access.compiled import Policy
from idas_p2p.access.policy import Rule
from idas_p2p.store.settings import Settings
from idas_p2p.wire.audit import MAX_TEXT

LOOK_INTERVAL: Final = 0.25  # seconds between looks; ours
_LAST: Final = "audit.policy"


class Rules(Protocol):
    """The policy in force (rules.RuleBook)."""

    @property
    def policy(self) -> Policy:
        """The rules."""
        ...


class PolicyChanges:
    """Notes what changes in the rules.

    Args:
        rules: in force.
        settings: keep what was noted last.
        note: of the audit log.
    """

    def __init__(self, rules: Rules, settings: Settings, note: Note) -> None:
        self._rules, self._settings, self._note = rules, settings, note
        self._seen: Policy | None = None

    async def turn(self) -> float:
        """Note what changed since the last turn; return seconds until the next."""
        policy = self._rules.policy
        if policy is not self._seen:
            now = [line_of(rule) for rule in policy.rules]
            before = (self._settings.value(_LAST) or b"").decode().splitlines()
            for text in differences(before, now):
                self._note(events.rules_changed(text))
            if before != now:
                self._settings.set_value(_LAST, "\n".join(now).encode())
            self._seen = policy
        return LOOK_INTERVAL


def line_of(rule: Rule) -> str:
    """A rule on one line."""
    until = "" if rule.expires is None else f", until {events.moment(rule.expires)}"
    subjects = ", ".join(map(str, rule.subjects))
    line = f"{rule.origin}: {rule.level.mark} to {subjects}, {rule.objects.words()}{until}"
    return " ".join(line.split())[: MAX_TEXT - 2]


def differences(before: Iterable[str], now: Iterable[str]) -> Iterator[str]:
    """The lines that came (+) and went (-), as many to a text as a record takes."""
    old, new = dict.fromkeys(before), dict.fromkeys(now)
    changed = [f"- {line}" for line in old if line not in new] + [f"+ {line}" for line in new if line not in old]
    text = ""
    for line in changed:
        if text and len(text) + 1 + len(line) > MAX_TEXT:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text
    elif list(old) != list(new):
        yield "the order of the rules changed"
