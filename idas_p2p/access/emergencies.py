"""Break-glass: who may see a patient's studies for an hour, because a rule permits it and a reason was given.

Law: an emergency is of one user of one node, about one patient, for LASTS; it gives nothing by itself, but lets rules
with `break_glass` speak. It outlives a restart, and ends by itself. Belongs here: which are open, and what was.
Not here: asking for one (node/emergencies.py), what rules give (policy.py). Source: docs/spec/access.md section 9.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Final, Protocol

from idas_p2p.access.objects import Patient
from idas_p2p.access.subjects import Requester
from idas_p2p.errors import NoSuchThing
from idas_p2p.wire.emergency import Reason
from idas_p2p.wire.fetching import UserName
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import U64, Limit, decode, encode
from idas_p2p.wire.terms import fold

LASTS: Final = 3_600  # seconds; issue and design: an hour
MAX_OPEN: Final = 1_000  # at one node; ours
KEPT_FOR: Final = 30 * 86_400  # seconds after its end in which one is still shown; ours
MAX_KEPT: Final = 2_000  # open ones and those that ended; ours
HOLDER: Final = 1  # somebody else takes what this node holds
REQUESTER: Final = 2  # a user of this node takes what another holds
_KEY: Final = "emergencies"
_Id = Annotated[str, Limit(0, 64)]


class Vault(Protocol):
    """Keeps named values over restarts (store.settings.Settings)."""

    def value(self, key: str) -> bytes | None:
        """What was last set, or None."""
        ...

    def set_value(self, key: str, value: bytes) -> None:
        """Set it, durably."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Emergency:
    """One emergency, as one node sees it. Never prints itself."""

    number: U64
    side: Annotated[int, Limit(HOLDER, REQUESTER)]
    node: NodeId  # the other one; our own where a user of ours takes what this node holds
    institution: _Id  # of that node
    user: UserName
    patient_id: _Id  # as it was given
    issuer: _Id  # empty: whoever issued the id
    reason: Reason
    begun: U64  # Unix seconds
    until: U64
    ended: U64 = 0  # 0: not yet

    def __repr__(self) -> str:
        return f"Emergency({self.number})"

    @property
    def patient(self) -> Patient:
        """Whom it is about, folded as rules name patients."""
        return Patient(fold(self.patient_id), fold(self.issuer))

    def is_open(self, *, now: float) -> bool:
        """Whether it lasts."""
        return not self.ended and self.begun <= now < self.until

    def is_about(self, patient: Patient) -> bool:
        """Whether a study of this patient is meant; an issuer that was given must be the study's."""
        return self.patient == (patient if self.issuer else Patient(patient.id))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Emergencies:
    items: Annotated[tuple[Emergency, ...], Limit(0, MAX_KEPT)]


class Emergencies:
    """Those of one node.

    Args:
        vault: where they are kept.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        stored = vault.value(_KEY)
        self._items = decode(_Emergencies, stored, max_size=16_777_216).items if stored else ()
        self._live = _live(self._items)
        self.version = 0  # raised by every change

    def all(self) -> list[Emergency]:
        """Every one, the newest first."""
        return list(reversed(self._items))

    def open_now(self, *, now: float) -> list[Emergency]:
        """Those that last, on either side, the newest first."""
        return [one for one in reversed(self._items) if one.is_open(now=now)]

    def covers(self, requester: Requester, patient: Patient, *, now: float) -> bool:
        """Whether a requester broke the glass for a patient."""
        return any(
            one.side == HOLDER
            and one.node == requester.node_id
            and one.user == requester.user
            and one.is_about(patient)
            for one in self._live
            if one.is_open(now=now)
        )

    def begin(
        self,
        side: int,
        node: NodeId,
        *,
        institution: str,
        user: str,
        patient_id: str,
        issuer: str,
        reason: str,
        now: float,
        until: float = 0.0,
    ) -> Emergency:
        """Open one for LASTS; an earlier one of the same user about the same patient ends.

        Args:
            side: HOLDER or REQUESTER.
            node: the other one.
            institution: of that node.
            user: who.
            patient_id: and issuer: about whom.
            issuer: see above.
            reason: in words.
            now: Unix seconds.
            until: when the holder says that it ends; for REQUESTER.
        """
        made = Emergency(
            number=1 + max((one.number for one in self._items), default=0),
            side=side,
            node=node,
            institution=institution[:64],
            user=user,
            patient_id=patient_id,
            issuer=issuer,
            reason=reason,
            begun=int(now),
            until=int(until or now + LASTS),
        )
        same = (side, node, user, made.patient)
        kept = [
            replace(one, ended=int(now)) if one.is_open(now=now) and _same(one) == same else one
            for one in self._items
            if one.is_open(now=now) or now < max(one.ended, one.until) + KEPT_FOR
        ]
        self._keep([*kept, made][-MAX_KEPT:])
        return made

    def end(self, number: int, *, now: float) -> Emergency:
        """End one of a requester before its time.

        Raises:
            NoSuchThing: none of this number is open for what this node holds.
        """
        for one in self._items:
            if one.number == number and one.side == HOLDER and one.is_open(now=now):
                ended = replace(one, ended=int(now))
                self._keep([ended if item is one else item for item in self._items])
                return ended
        raise NoSuchThing("no emergency of this number is open here")

    def over(self, *, now: float) -> list[Emergency]:
        """Those whose time is over since this was asked last; they have ended when this returns."""
        gone = [one for one in self._items if not one.ended and now >= one.until]
        if gone:
            self._keep([replace(one, ended=one.until) if one in gone else one for one in self._items])
        return gone

    def _keep(self, items: Iterable[Emergency]) -> None:
        kept = tuple(items)
        self._vault.set_value(_KEY, encode(_Emergencies(items=kept)))
        self._items, self._live = kept, _live(kept)
        self.version += 1


def _live(items: Iterable[Emergency]) -> list[Emergency]:
    """Those that may be open: every decision about every study looks at them."""
    return [one for one in items if not one.ended]


def _same(one: Emergency) -> tuple[int, NodeId, str, Patient]:
    return one.side, one.node, one.user, one.patient
