"""The policy in force: what policy.toml says, then the grants in the order of their numbers.

Law: a change is in force as a whole or not at all; while the file has an error, or has vanished, what it said before
stays in force, over restarts too. Belongs here: when they are read, and which version holds. Not here: what a rule
means (access/policy.py), how a file is written (access/policy_file.py).
"""

from __future__ import annotations

import json
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from idas_p2p.access.compiled import Policy
from idas_p2p.access.labels import Labelled
from idas_p2p.access.levels import Levels
from idas_p2p.access.objects import Patient, parse_objects
from idas_p2p.access.policy import Rule
from idas_p2p.access.policy_file import MAX_GROUPS, MAX_POLICY_SIZE, POLICY_FILE, PolicyText, parse_policy
from idas_p2p.access.subjects import parse_subject
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.errors import BadConfiguration
from idas_p2p.events import log_event
from idas_p2p.store.database import Database
from idas_p2p.store.labels import STUDY, Label, Labels
from idas_p2p.store.settings import Grant, Settings

LOOK_INTERVAL: Final = 0.25  # seconds between looks at the file; ours: a change is in force within a second
_LAST_GOOD: Final = "policy.file"

T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]


def as_rule(grant: Grant, levels: Levels) -> Rule:
    """A grant as the policy understands it.

    Raises:
        BadConfiguration: it says something this version does not know; to leave that out would share too much.
    """
    try:
        return Rule(
            subjects=(parse_subject(grant.subject),),
            level=levels.get(grant.level),
            objects=parse_objects(**json.loads(grant.conditions or "{}")),
            expires=grant.expires,
            origin=f"grant {grant.number}",
        )
    except TypeError:
        raise BadConfiguration(f"grant {grant.number} has conditions this version does not know; revoke it") from None
    except BadConfiguration as error:
        raise BadConfiguration(f"grant {grant.number}: {error.detail}; revoke it") from None


def as_labelled(labels: list[Label]) -> Labelled:
    """Labels as the policy looks them up."""
    return Labelled(
        studies=[(one.name, one.label) for one in labels if one.kind == STUDY],
        patients=[(Patient(one.name, one.issuer), one.label) for one in labels if one.kind != STUDY],
    )


def _check_groups(rules: tuple[Rule, ...]) -> None:
    """Refuse rules that name more groups than can be looked up for a question."""
    policy = Policy(rules)
    if (count := len(policy.node_groups) + len(policy.client_groups)) > MAX_GROUPS:
        raise BadConfiguration(f"the rules name {count} groups; at most {MAX_GROUPS} can be")


def read_file(folder: Path) -> str | None:
    """The text of policy.toml; None when there is none.

    Raises:
        BadConfiguration: it cannot be read.
    """
    path = folder / POLICY_FILE
    try:
        with path.open("rb") as file:
            data = file.read(MAX_POLICY_SIZE + 1)
        if len(data) > MAX_POLICY_SIZE:
            raise BadConfiguration(f"{POLICY_FILE} has more than {MAX_POLICY_SIZE} bytes")
        return data.decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise BadConfiguration(f"{POLICY_FILE} is not text in UTF-8") from None
    except OSError as error:
        raise BadConfiguration(f"{POLICY_FILE} cannot be read: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read at one moment."""

    seen: Any  # of the file
    text: PolicyText
    grants: list[Rule]
    labelled: Labelled
    refusal: BadConfiguration | None  # of the file, where `text` is what it said before


class RuleBook:
    """The rules of one node, kept up with what its operator writes.

    Args:
        folder: where policy.toml is.
        database: the grants, the labels, and what the file last said without an error.
        run: runs what takes its time elsewhere.
    """

    def __init__(self, folder: Path, database: Database, *, run: Run[Any]) -> None:
        self._folder, self._settings, self._labels, self._run = folder, Settings(database), Labels(database), run
        self._seen: Any = None  # of the file, when it was read last
        self._text: PolicyText | None = None
        self.policy, self.labelled = Policy(), Labelled()
        self.version = 0  # raised by every change
        self.refusal = ""  # why what is in the file now is not in force; empty when it is

    @property
    def levels(self) -> Levels:
        """The levels that rules may give."""
        return self._text.levels if self._text else Levels()

    @property
    def rules_of_file(self) -> tuple[Rule, ...]:
        """What policy.toml says, as far as it is in force."""
        return self._text.rules if self._text else ()

    def load(self) -> None:
        """Take grants, labels and file as they are now.

        Raises:
            BadConfiguration: a grant is not one this version understands; what was in force stays.
        """
        self._put_in_force(self._read(self._stat()))

    async def turn(self) -> float:
        """Take the file when it changed; return seconds until the next look."""
        if (seen := self._stat()) != self._seen:
            version = self.version
            try:
                read = await self._run(lambda: self._read(seen))
            except BadConfiguration as error:  # a grant gives a level that the file does not define any more
                self._seen = seen
                self._refuse(error)
            else:
                if self.version == version:
                    self._put_in_force(read)
                else:  # grants were taken meanwhile, and what was read may be without them
                    self.load()
        return LOOK_INTERVAL

    def _read(self, seen: Any) -> _Read:
        refusal: BadConfiguration | None = None
        is_known = seen == self._seen and not self.refusal
        grants, labelled = self._settings.grants(), as_labelled(self._labels.all())
        try:
            text = self._text if is_known and self._text is not None else self._file()
            rules = [as_rule(grant, text.levels) for grant in grants]
            _check_groups((*text.rules, *rules))
        except BadConfiguration as error:
            refusal, text = error, self._text or self._last_good()
            rules = [as_rule(grant, text.levels) for grant in grants]
        return _Read(seen, text, rules, labelled, refusal)

    def _file(self) -> PolicyText:
        """What the file says now; remembered when it has no error."""
        text = read_file(self._folder)
        if text is None:
            before = self._last_good()
            if before.rules:
                raise BadConfiguration(
                    f"{POLICY_FILE} has vanished; put it back, or an empty one to have no rules in it"
                )
            return before
        read = parse_policy(text)
        for level in read.levels:
            Plan(level)  # refuses attributes that are none
        if self._settings.value(_LAST_GOOD) != (data := text.encode()):
            self._settings.set_value(_LAST_GOOD, data)
        return read

    def _last_good(self) -> PolicyText:
        return parse_policy((self._settings.value(_LAST_GOOD) or b"").decode())

    def _put_in_force(self, read: _Read) -> None:
        self._seen, self._text, self.labelled = read.seen, read.text, read.labelled
        self.policy = Policy((*read.text.rules, *read.grants))
        self.version += 1
        log_event("policy_in_force", count=len(self.policy))
        self.refusal = ""
        if read.refusal is not None:
            self._refuse(read.refusal)

    def _refuse(self, error: BadConfiguration) -> None:
        self.refusal = error.detail
        log_event("policy_refused", where=error.detail.partition(": ")[0][:80], reason=error.code)

    def _stat(self) -> Any:
        try:
            found = (self._folder / POLICY_FILE).stat()
        except OSError as error:
            return error.errno
        return found.st_mtime_ns, found.st_size, found.st_ino, stat.S_IFMT(found.st_mode)
