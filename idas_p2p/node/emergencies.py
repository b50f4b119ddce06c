"""Break-glass at work: asking every member for a patient's studies in an emergency, and answering those who ask.

Law: nothing is opened or asked for before it is written down, on the disk, with the reason; where no rule permits it,
or the patient is not here, the answer is the same and comes on a beat. Belongs here: both sides, and the end. Not here:
which are open (access/emergencies.py), what rules give (access/policy.py). Source: docs/spec/access.md section 9.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Actor, Device, subject, subject_of
from idas_p2p.access.emergencies import HOLDER, MAX_OPEN, REQUESTER, Emergencies, Emergency
from idas_p2p.access.federations import Federations
from idas_p2p.access.objects import Patient
from idas_p2p.access.subjects import Requester
from idas_p2p.clock import Clock
from idas_p2p.errors import BadConfiguration, Busy, IdasError, NoEmergencyHere
from idas_p2p.events import log_event
from idas_p2p.exchange.beat import wait_for_beat
from idas_p2p.exchange.codes import error_of
from idas_p2p.node.audited import Log
from idas_p2p.node.facts import facts_of_entries, without_kept
from idas_p2p.node.grounds import Grouping, Rules
from idas_p2p.node.links import Links
from idas_p2p.store.catalog import Catalog
from idas_p2p.wire.audit import By, Event, Side, Subject
from idas_p2p.wire.emergency import MAX_REASON, EmergencyOpened, EmergencyWanted
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import RequestEnd
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import fold

MAX_ASKED: Final = 20  # emergencies of one node that are looked at in ASKED_WITHIN; ours
ASKED_WITHIN: Final = 60.0  # seconds; ours
LOOK_INTERVAL: Final = 1.0  # seconds between looks whether one is over; ours
AT_ONCE: Final = 32  # members asked at the same time; ours
_PATTERN: Final = frozenset("*?\\")  # would match others than the one patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What came of breaking the glass, by institution."""

    opened: Sequence[Emergency]
    refused: Sequence[str]
    unanswered: Sequence[str]


class EmergencyDesk:
    """Emergencies of one node, on both sides.

    Args:
        node_id: ours.
        institution: ours.
        state: those that are open.
        catalog: of our studies.
        rules: the policy in force.
        groups: who belongs to which.
        federations: our fellow members.
        links: to them.
        audit: records everything.
        clock: the time.
    """

    def __init__(
        self,
        node_id: NodeId,
        institution: str,
        state: Emergencies,
        catalog: Catalog,
        *,
        rules: Rules,
        groups: Grouping,
        federations: Federations,
        links: Links,
        audit: Log,
        clock: Clock,
    ) -> None:
        self._node_id, self._institution, self._state, self._catalog = node_id, institution, state, catalog
        self._rules, self._groups, self._federations, self._links = rules, groups, federations, links
        self._audit, self._clock = audit, clock
        self._asked = defaultdict[NodeId, deque[float]](deque)

    # -- ours: a user of this node

    async def declare(
        self, user: str, patient_id: str, issuer: str, reason: str, *, by: By, device: Device | None = None
    ) -> Answers:
        """Break the glass wherever a rule permits it: at every member, and at this node.

        Args:
            user: of this node; empty for none.
            patient_id: whom it is about.
            issuer: of the id; empty: whoever issued it.
            reason: in words; everybody who is asked keeps it.
            by: how the user is known.
            device: where the user sits.

        Raises:
            BadConfiguration: no reason, or an id that may mean several patients.
            NoEmergencyHere: nobody opened anything.
            AuditUnavailable: it cannot be recorded.
        """
        reason = " ".join(reason.split())
        if not 0 < len(reason) <= MAX_REASON:
            raise BadConfiguration(f"a reason has 1 to {MAX_REASON} characters")
        if not 0 < len(patient_id) <= 64 or len(issuer) > 64 or _PATTERN & set(patient_id + issuer):
            raise BadConfiguration("a patient is named by one id of 1 to 64 characters, without wildcards")
        about = [subject("", patient_id, issuer)]
        self._audit.note(events.break_glass(user, reason=reason, subjects=about, device=device or Device(), by=by))
        await self._audit.settled()
        answers = await self._ask_all(
            EmergencyWanted(number=0, user=user, patient_id=patient_id, issuer=issuer, reason=reason)
        )
        if not answers.opened:
            refused = NoEmergencyHere.code
            self._audit.note(
                events.break_glass(
                    user, reason=reason, subjects=about, device=device or Device(), by=by, refused=refused
                )
            )
            raise NoEmergencyHere(f"no answer from {', '.join(answers.unanswered)}" if answers.unanswered else "")
        log_event("emergency_declared", count=len(answers.opened))
        return answers

    async def _ask_all(self, wanted: EmergencyWanted) -> Answers:
        opened, refused, unanswered = list[Emergency](), list[str](), list[str]()
        places = asyncio.Semaphore(AT_ONCE)

        async def ask(node_id: NodeId) -> None:
            name = self._federations.institution(node_id) or node_id.short
            try:
                async with places:
                    answer = await self._ask(node_id, wanted)
                opened.append(self._note_opened(node_id, name, wanted, answer.until))
            except NoEmergencyHere:
                refused.append(name)
            except IdasError as error:
                log_event("emergency_not_asked", peer=node_id.short, reason=error.code)
                unanswered.append(name)

        try:
            own = await self.answer(self._groups.own(wanted.user), wanted)
            opened.append(next(one for one in self._state.all() if one.until == own.until and one.side == HOLDER))
        except NoEmergencyHere:
            pass
        async with asyncio.TaskGroup() as group:
            for node_id in self._federations.others():
                group.create_task(ask(node_id))
        return Answers(opened=opened, refused=sorted(refused), unanswered=sorted(unanswered))

    async def _ask(self, node_id: NodeId, wanted: EmergencyWanted) -> EmergencyOpened:
        link = await self._links.control(node_id)
        answer = await link.ask(lambda number: replace(wanted, number=number))
        if isinstance(answer, EmergencyOpened):
            return answer
        raise error_of(answer.code if isinstance(answer, RequestEnd) else "")

    def _note_opened(self, node_id: NodeId, name: str, wanted: EmergencyWanted, until: float) -> Emergency:
        made = self._state.begin(
            REQUESTER,
            node_id,
            institution=name,
            user=wanted.user,
            patient_id=wanted.patient_id,
            issuer=wanted.issuer,
            reason=wanted.reason,
            now=self._clock.now(),
            until=until,
        )
        about = [subject("", wanted.patient_id, wanted.issuer)]
        event = events.break_glass(wanted.user, reason=wanted.reason, subjects=about)
        self._audit.note(replace(event, node=node_id.raw, institution=name))
        return made

    # -- others', and our own users' at our own archives

    async def answer(self, requester: Requester, wanted: EmergencyWanted) -> EmergencyOpened:
        """Open an emergency for who asks, where a rule permits it and the patient is here.

        Raises:
            NoEmergencyHere: it does not, or is not.
            Busy: this node asked too often, or too many are open.
            AuditUnavailable: it cannot be recorded.
        """
        begun, now = self._clock.monotonic(), self._clock.now()
        self._check_rate(requester.node_id)
        requester = replace(await self._groups.of(requester) if not requester.is_own else requester, in_emergency=True)
        patient = Patient(fold(wanted.patient_id), fold(wanted.issuer))
        studies = self._permitted(requester, wanted, patient)
        about = [subject_of(study) for study in studies] or [subject("", wanted.patient_id, wanted.issuer)]
        if not studies:
            if not requester.is_own:  # of ours it is written down whether anybody opened anything
                self._audit.note(self._event(requester, wanted, about, refused=NoEmergencyHere.code))
            await wait_for_beat(begun, self._clock.monotonic)
            raise NoEmergencyHere
        if len(self._state.open_now(now=now)) >= MAX_OPEN:
            raise Busy("too many emergencies are open")
        self._audit.note(self._event(requester, wanted, about))
        await self._audit.settled()
        made = self._state.begin(
            HOLDER,
            requester.node_id,
            institution=requester.institution,
            user=requester.user,
            patient_id=wanted.patient_id,
            issuer=wanted.issuer,
            reason=wanted.reason,
            now=now,
        )
        log_event("emergency_opened", level=30, peer=requester.node_id.short, count=len(studies))
        return EmergencyOpened(number=wanted.number, until=made.until, studies=len(studies))

    def _event(
        self, requester: Requester, wanted: EmergencyWanted, about: Iterable[Subject], *, refused: str = ""
    ) -> Event:
        return events.break_glass(
            requester.user, reason=wanted.reason, requester=requester, subjects=about, refused=refused
        )

    def _check_rate(self, node_id: NodeId) -> None:
        asked, now = self._asked[node_id], self._clock.monotonic()
        while asked and now - asked[0] >= ASKED_WITHIN:
            asked.popleft()
        if len(asked) >= MAX_ASKED:
            raise Busy("too many emergencies in a minute")
        asked.append(now)

    def _permitted(self, requester: Requester, wanted: EmergencyWanted, patient: Patient) -> list[Study]:
        """The patient's studies of which a rule for emergencies decides; the same work whether or not there are any."""
        if _PATTERN & set(wanted.patient_id + wanted.issuer):
            return []
        policy, now, found = self._rules.policy, self._clock.now(), list[Study]()
        for entries in self._catalog.studies(StudyQuery.of({"PatientID": wanted.patient_id})):
            own = entries if requester.is_own else without_kept(entries)
            facts = facts_of_entries(own, self._rules.labelled)
            if not own or patient != (facts.patient if patient.issuer else Patient(facts.patient.id)):
                continue
            decision = policy.decide(requester, facts, now=now)
            if decision.position is not None and policy.rules[decision.position].break_glass:
                found.append(own[0].study)
        return found

    def end(self, number: int) -> Emergency:
        """End one before its time; what is under way by it ends within a second. NoSuchThing: none is open."""
        ended = self._state.end(number, now=self._clock.now())
        self._audit.note(events.glass_mended(_actor(ended), _about(ended), text="ended by the operator"))
        log_event("emergency_ended")
        return ended

    def now(self) -> float:
        """Unix seconds."""
        return self._clock.now()

    def rows(self) -> list[Emergency]:
        """Every one that is kept, the newest first."""
        return self._state.all()

    def open_now(self) -> list[Emergency]:
        """Those that last."""
        return self._state.open_now(now=self._clock.now())

    async def turn(self) -> float:
        """Write down those that are over; return seconds until the next look."""
        for one in self._state.over(now=self._clock.now()):
            self._audit.note(events.glass_mended(_actor(one), _about(one), text="its time is over"))
            log_event("emergency_ended")
        return LOOK_INTERVAL


def _actor(one: Emergency) -> Actor:
    side = Side.HOLDER if one.side == HOLDER else Side.REQUESTER
    return Actor(side=side, user=one.user, nodes=(one.node,), institution=one.institution)


def _about(one: Emergency) -> list[Subject]:
    return [subject("", one.patient_id, one.issuer)]
