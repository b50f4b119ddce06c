"""Passes as the operator gives them out and takes them back, and as their holders find this node.

Belongs here: making, listing, revoking, leaving the record in the directory. Not here: what a pass allows
(access/passes.py), serving it (pass_server.py). Source: docs/spec/federation.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Note
from idas_p2p.access.invitation import SECRET_SIZE
from idas_p2p.access.levels import Levels
from idas_p2p.access.passes import Pass, Passes
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.errors import BadConfiguration, DirectoryUnreachable, IdasError, NoSuchThing
from idas_p2p.events import log_event
from idas_p2p.node.audited_finds import subject_of_study
from idas_p2p.node.control import Command, Progress
from idas_p2p.node.facts import without_kept
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.invitations import Invitations

PUBLISH_INTERVAL: Final = 3_600.0  # seconds between publications of the same record; ours, as for invitations
LOOK_INTERVAL: Final = 5.0  # seconds between looks whether our addresses are others; ours

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shared:
    """A new pass; never prints its code."""

    code: str
    label: str
    expires: int  # Unix seconds
    kept_by: int  # other nodes that keep its record

    def __repr__(self) -> str:
        return f"Shared({self.label})"


class PassDesk:
    """Gives out passes.

    Args:
        institution: ours.
        passes: keeps them.
        invitations: their records in the directory.
        holdings: our studies.
        levels: that a pass may give, as they are defined now.
        own_addresses: anything that compares unequal once others find us elsewhere.
        note: of the audit log.
        clock: the time.
    """

    def __init__(
        self,
        institution: str,
        passes: Passes,
        invitations: Invitations,
        holdings: Holdings,
        *,
        levels: Callable[[], Levels],
        own_addresses: Callable[[], object],
        note: Note,
        clock: Clock,
    ) -> None:
        self._institution, self._passes, self._invitations, self._holdings = institution, passes, invitations, holdings
        self._levels, self._own_addresses, self._note, self._clock = levels, own_addresses, note, clock
        self._published: dict[str, tuple[object, float]] = {}  # by label: our addresses then, and when

    async def share(self, study_uid: str, level: str, *, lifetime: float, uses: int) -> Shared:
        """Make a pass for one study; it can be used when this returns.

        Args:
            study_uid: of a study in one of our archives.
            level: name of the level at which it is given.
            lifetime: seconds.
            uses: how many machines may fetch with it.

        Raises:
            NoSuchThing: no archive of ours has the study.
            BadConfiguration: a level that is none or gives nothing, or uses or expiry that make no sense.
            DirectoryUnreachable: nobody could find this node by it.
            AuditUnavailable: it cannot be recorded.
        """
        if self._levels().get(level).is_none:
            raise BadConfiguration(f"level {level} shows nothing")
        if not without_kept(self._holdings.best_entries(study_uid)):  # exams of others are not ours to share
            raise NoSuchThing("no archive of this node has the study")
        now = self._clock.now()
        code = self._invitations.make(random_bytes(SECRET_SIZE))
        made = self._passes.make(
            code.secret, study_uid=study_uid, level=level, expires=now + lifetime, uses=uses, now=now
        )
        try:
            until = events.moment(made.expires)
            text = f"pass {made.label} made: level {level}, uses {uses}, until {until}"
            self._note(events.pass_changed(text, subject_of_study(self._holdings, study_uid)))
            kept_by = await self._publish(made)
        except IdasError:
            self._passes.revoke(made.label, now=now)  # nobody will see its code
            raise
        return Shared(code=code.to_code(), label=made.label, expires=made.expires, kept_by=kept_by)

    def revoke(self, label: str) -> Pass:
        """Take a pass back; what is under way with it ends within a second. NoSuchThing: none has this label."""
        gone = self._passes.revoke(label, now=self._clock.now())
        text = f"pass {gone.label} revoked"
        self._note(events.pass_changed(text, subject_of_study(self._holdings, gone.study_uid)))
        log_event("pass_revoked")
        return gone

    def rows(self) -> list[dict[str, Any]]:
        """Every pass as an operator sees it, the newest first; codes are shown once, when they are made."""
        now = self._clock.now()
        return [
            {
                "label": one.label,
                "study_uid": one.study_uid,
                "level": one.level,
                "state": one.state(now=now),
                "expires": one.expires,
                "uses": one.uses,
                "begun": len(one.receivers),
                "done": sum(1 for receiver in one.receivers if receiver.done),
            }
            for one in reversed(self._passes.all())
        ]

    async def turn(self) -> float:
        """Leave the records of open passes in the directory again when they are due; return seconds to the next."""
        now, is_any = self._clock.monotonic(), self._own_addresses()
        for one in self._passes.all():
            before = self._published.get(one.label)
            is_due = before is None or before[0] != is_any or now - before[1] >= PUBLISH_INTERVAL
            if is_due and one.state(now=self._clock.now()) == "open":
                await self._publish(one)
        return LOOK_INTERVAL

    async def _publish(self, one: Pass) -> int:
        addresses = self._own_addresses()
        try:
            kept_by = await self._invitations.publish(
                one.code_secret, federation_name=self._institution, expires=one.expires
            )
        except IndexError:  # no address at all, and nobody whom others could call first
            raise DirectoryUnreachable("nobody could reach this node; give it a bootstrap node") from None
        self._published[one.label] = addresses, self._clock.monotonic()
        return kept_by


def pass_commands(desk: PassDesk) -> dict[str, Command]:
    """The commands by name."""

    async def share(arguments: Arguments, progress: Progress) -> Arguments:
        made = await desk.share(
            str(arguments["study_uid"]),
            str(arguments["level"]),
            lifetime=float(arguments["expires_seconds"]),
            uses=int(arguments["uses"]),
        )
        return {"code": made.code, "label": made.label, "expires": made.expires, "kept_by": made.kept_by}

    async def passes(arguments: Arguments, progress: Progress) -> Arguments:
        return {"passes": desk.rows()}

    async def revoke(arguments: Arguments, progress: Progress) -> Arguments:
        return {"label": desk.revoke(str(arguments["label"])).label}

    return {"share": share, "passes": passes, "pass_revoke": revoke}
