"""Tables about exams of other institutions: offered, kept for a while, wanted as priors.

Belongs here: columns and keys, as in tables.py, which has the others and the version of them all.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Double, Index, LargeBinary, Table

from idas_p2p.store.tables import Number, Words, metadata

__all__ = ["arrivals", "foreign_studies", "metadata", "offers"]


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Words, nullable=False, **options)


def _number(name: str, **options: Any) -> Column[int]:
    return Column(name, Number, nullable=False, **options)


def _time(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)  # Unix seconds; 0 means never


offers = Table(
    "offers",
    metadata,
    _number("number", primary_key=True),
    _text("direction"),  # in or out
    Column("offer", LargeBinary, nullable=False),  # 16 bytes, chosen by the sender
    Column("node", LargeBinary, nullable=False),  # NodeId at the other end
    _text("institution"),
    Column("study", LargeBinary, nullable=False),  # canonical, as the level shows it
    _text("study_uid"),  # out: as our archive knows it; in: as the sender shows it
    _text("level"),  # the mark of the ticket's level
    Column("ticket", LargeBinary, nullable=False),  # canonical
    _text("note"),
    _text("user_name"),  # who sends it
    _time("offered_at"),
    _time("expires"),
    _text("state"),
    _text("told"),  # the state that the other side knows
    _text("reason"),  # a code of errors.py
    _text("destination"),  # AE title of a workstation; empty: kept at this node
    _text("decided_by"),
    _time("tried_at"),
    _number("attempts"),
)
Index("offers_offer", offers.c.direction, offers.c.node, offers.c.offer, unique=True)
Index("offers_state", offers.c.state)

foreign_studies = Table(
    "foreign_studies",
    metadata,
    _text("study_uid", primary_key=True),
    Column("node", LargeBinary, nullable=False),  # NodeId it came from
    _text("institution"),
    _text("why"),  # sent or prior
    _number("instances"),  # at the source, when it was fetched
    Column("seen", LargeBinary, nullable=False),  # fingerprint of the study as the source described it
    _time("fetched_at"),
    _time("checked_at"),
    _time("expires"),
    _text("destination"),  # archive it was pushed to; empty: none
)
Index("foreign_checked", foreign_studies.c.checked_at)

arrivals = Table(
    "arrivals",
    metadata,
    _text("study_uid", primary_key=True),
    _text("archive"),
    _time("arrived_at"),
    _time("due_at"),  # when priors are looked for; 0: done
    _number("attempts"),
)
Index("arrivals_due", arrivals.c.due_at)
