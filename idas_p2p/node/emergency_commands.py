"""The commands by which the operator breaks the glass for a user, looks at emergencies and ends one.

Belongs here: reading arguments, naming results. Not here: the work (emergencies.py).
Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idas_p2p.access.emergencies import HOLDER, Emergency
from idas_p2p.node.control import Command, Progress
from idas_p2p.node.emergencies import EmergencyDesk
from idas_p2p.wire.audit import By

Arguments = Mapping[str, Any]


def row(one: Emergency, *, now: float) -> dict[str, Any]:
    """An emergency as an operator sees it: `side` is `holder` where others take what this node holds."""
    return {
        "number": one.number,
        "side": "holder" if one.side == HOLDER else "requester",
        "state": "open" if one.is_open(now=now) else "ended",
        "institution": one.institution,
        "node": str(one.node),
        "user": one.user,
        "patient_id": one.patient_id,
        "issuer": one.issuer,
        "reason": one.reason,
        "begun": one.begun,
        "until": one.ended or one.until,
    }


def at_a_glance(one: Emergency, *, now: float) -> dict[str, Any]:
    """The same for who only looks how the node does: not about whom, nor why."""
    return {key: value for key, value in row(one, now=now).items() if key not in ("patient_id", "issuer", "reason")}


def emergency_commands(desk: EmergencyDesk) -> dict[str, Command]:
    """The commands by name."""

    async def break_glass(arguments: Arguments, progress: Progress) -> Arguments:
        answers = await desk.declare(
            str(arguments.get("user") or ""),
            str(arguments["patient_id"]),
            str(arguments.get("issuer") or ""),
            str(arguments["reason"]),
            by=By.OPERATOR,
        )
        return {
            "opened": [row(one, now=one.begun) for one in answers.opened],
            "refused": list(answers.refused),
            "unanswered": list(answers.unanswered),
        }

    async def emergencies(arguments: Arguments, progress: Progress) -> Arguments:
        return {"emergencies": [row(one, now=desk.now()) for one in desk.rows()]}

    async def end(arguments: Arguments, progress: Progress) -> Arguments:
        return row(desk.end(int(arguments["number"])), now=desk.now())

    return {"break_glass": break_glass, "emergencies": emergencies, "emergency_end": end}
