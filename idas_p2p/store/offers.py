"""Studies offered to other nodes and by them, until each has met its fate: the inbox and what was sent.

Law: an offer changes its state in one step, and only from a state it may leave; so two commands at once cannot both
decide it. Belongs here: keeping them. Not here: what an offer may hold (wire/offers.py), deciding (node/inbox.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select

from idas_p2p.errors import Busy, NoSuchThing
from idas_p2p.store.database import Database, insert_missing
from idas_p2p.store.exam_tables import offers
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.schema import decode, encode
from idas_p2p.wire.study import Study

MAX_OFFERS: Final = 1_000  # undecided and lately decided, of each direction; ours
MAX_OF_ONE: Final = 100  # of one node; ours: nobody fills another's inbox alone
MAX_SIZE: Final = 64 * 1024  # bytes of a study or a ticket; ours: far more than either can have


class OfferDirection(StrEnum):
    """Who sends."""

    IN = "in"
    OUT = "out"


class OfferState(StrEnum):
    """How far an offer is."""

    WAITING = "waiting"  # out: the other node was not reached yet; in: nobody has decided
    OFFERED = "offered"  # out: it lies in the other node's inbox
    ACCEPTED = "accepted"  # it is being fetched, or will be
    REFUSED = "refused"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


OPEN: Final = (OfferState.WAITING, OfferState.OFFERED, OfferState.ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Offer:
    """One offered study. Never prints itself: it identifies a patient."""

    direction: OfferDirection
    offer: bytes  # 16 bytes
    node: bytes  # NodeId at the other end
    institution: str
    study: Study
    study_uid: str
    level: str
    ticket: Ticket
    note: str = ""
    user_name: str = ""
    offered_at: float = 0.0  # Unix seconds
    expires: float = 0.0  # Unix seconds
    state: OfferState = OfferState.WAITING
    told: str = ""
    reason: str = ""
    destination: str = ""
    decided_by: str = ""
    tried_at: float = 0.0
    attempts: int = 0
    number: int = 0

    def __repr__(self) -> str:
        return f"Offer({self.number}, {self.direction}, {self.state})"


class OfferStore:
    """The offers in a database. Every change is durable when the method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, offer: Offer) -> Offer:
        """Keep an offer; one that is known already stays as it is.

        Returns:
            It, with its number.

        Raises:
            Busy: there are too many, of this node or of all.
        """
        same = _same(offer.direction, offer.node, offer.offer)
        with self._database.write() as connection:
            if connection.execute(select(offers.c.number).where(*same)).first() is None:
                of_all = (offers.c.direction == offer.direction) & (offers.c.state.in_(OPEN))
                for limit, condition in ((MAX_OFFERS, of_all), (MAX_OF_ONE, of_all & (offers.c.node == offer.node))):
                    counted = select(func.count()).select_from(offers).where(condition)
                    if connection.execute(counted).scalar_one() >= limit:
                        raise Busy("too many offers wait for a decision")
                last = connection.execute(select(func.coalesce(func.max(offers.c.number), 0))).scalar_one()
                insert_missing(connection, offers, _row(replace(offer, number=last + 1)))
            row = connection.execute(select(offers).where(*same)).mappings().one()
        return _offer(row)

    def all(self, direction: OfferDirection) -> list[Offer]:
        """Every offer of a direction, by number."""
        return self._where(offers.c.direction == direction)

    def open(self, direction: OfferDirection, *states: OfferState) -> list[Offer]:
        """Those in one of these states, by number."""
        return self._where(offers.c.direction == direction, offers.c.state.in_(states))

    def untold(self) -> list[Offer]:
        """Offers of others whose state is not the one that their senders know, by number."""
        decided = [state for state in OfferState if state not in (OfferState.WAITING, OfferState.OFFERED)]
        return self._where(
            offers.c.direction == OfferDirection.IN, offers.c.state.in_(decided), offers.c.told != offers.c.state
        )

    def numbered(self, number: int, direction: OfferDirection) -> Offer:
        """The offer of a number.

        Raises:
            NoSuchThing: there is none.
        """
        return _only(self._where(offers.c.number == number, offers.c.direction == direction), number)

    def change(self, offer: Offer, to: OfferState, *, when: Sequence[OfferState], **values: Any) -> bool:
        """Change the state of an offer that is in one of these; whether it was.

        Args:
            offer: of this store.
            to: its new state.
            when: the states it may have.
            values: other columns that change with it.
        """
        condition = (offers.c.number == offer.number) & offers.c.state.in_(when)
        with self._database.write() as connection:
            changed = connection.execute(offers.update().where(condition).values(state=to, **values)).rowcount
        return changed == 1

    def note(self, offer: Offer, **values: Any) -> None:
        """Change other columns of an offer than its state."""
        with self._database.write() as connection:
            connection.execute(offers.update().where(offers.c.number == offer.number).values(**values))

    def of_sender(self, node: bytes, offer: bytes) -> Offer:
        """Our offer to a node, by the id it was sent under.

        Raises:
            NoSuchThing: there is none.
        """
        return _only(self._where(*_same(OfferDirection.OUT, node, offer)), 0)

    def forget(self, *, before: float) -> int:
        """Forget offers that are over and ended to count before a moment (Unix seconds); how many."""
        over = offers.c.state.not_in(OPEN) & (offers.c.expires < before)
        with self._database.write() as connection:
            return int(connection.execute(offers.delete().where(over)).rowcount)

    def _where(self, *conditions: ColumnElement[bool]) -> list[Offer]:
        with self._database.read() as connection:
            rows = connection.execute(select(offers).where(*conditions).order_by(offers.c.number)).mappings().all()
        return [_offer(row) for row in rows]


def _same(direction: OfferDirection, node: bytes, offer: bytes) -> tuple[ColumnElement[bool], ...]:
    return offers.c.direction == direction, offers.c.node == node, offers.c.offer == offer


def _row(offer: Offer) -> dict[str, Any]:
    plain = {column.name: getattr(offer, column.name) for column in offers.columns}
    return {**plain, "study": encode(offer.study), "ticket": encode(offer.ticket)}


def _offer(row: Any) -> Offer:
    known = dict(row)
    known["study"] = decode(Study, known["study"], max_size=MAX_SIZE)
    known["ticket"] = decode(Ticket, known["ticket"], max_size=MAX_SIZE)
    known["direction"], known["state"] = OfferDirection(known["direction"]), OfferState(known["state"])
    return Offer(**known)


def _only(found: list[Offer], number: int) -> Offer:
    if not found:
        raise NoSuchThing(f"no offer {number}" if number else "no such offer")
    return found[0]
