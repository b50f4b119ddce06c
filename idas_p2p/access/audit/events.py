"""What is worth a record, made from what the caller knows: one function for each thing that happens.

Law: a maker never refuses and never raises: text that is too long is cut, and more subjects than a record holds make
more records. Belongs here: which message of PS3.15 A.5.3 a thing is, and how bad. Not here: writing it
(node/auditing.py), what a collector sees (message.py).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from idas_p2p.access.subjects import Requester
from idas_p2p.wire.audit import MAX_NAME, MAX_SUBJECTS, MAX_TEXT, By, Event, Kind, Outcome, Side, Subject
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

Note = Callable[[Event], None]
"""Writes a record of an event before it returns; AuditUnavailable when it cannot, and then the work must not go on."""

# Event type codes, PS3.16 CID 401 and 403
STARTED: Final = 110_120  # Application Start
STOPPED: Final = 110_121  # Application Stop
LOGIN: Final = 110_122
LOGOUT: Final = 110_123
NODE_AUTHENTICATION: Final = 110_126
EMERGENCY_STARTED: Final = 110_127  # Emergency Override Started
EMERGENCY_STOPPED: Final = 110_138  # Emergency Override Stopped
NETWORK_CONFIGURATION: Final = 110_128
SECURITY_CONFIGURATION: Final = 110_129
RESTRICTED_FUNCTION: Final = 110_132  # Use of Restricted Function
RECORDING_STOPPED: Final = 110_133  # Audit Recording Stopped
ROLES_CHANGED: Final = 110_136  # Security Roles Changed
USERS_CHANGED: Final = 110_137  # User security Attributes Changed

NAMES: Final = "instances "  # begins the text of a record that names instances of a transfer
INSTANCES_NAMED: Final = 15  # UIDs of 64 characters that the text of one record holds


def ignore(event: Event) -> None:
    """A Note for what is tried without a log."""


@dataclass(frozen=True, slots=True)
class Device:
    """A workstation or archive on the local network; empty where there is none, as for a command."""

    aet: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Actor:
    """Who does something: a user of ours at a device, or a member that names its user. Never prints itself."""

    side: Side
    user: str = ""
    by: By = By.NOTHING
    device: Device = field(default_factory=Device)
    nodes: tuple[NodeId, ...] = ()  # at the other end; the first is named in full
    institution: str = ""

    @classmethod
    def of(cls, requester: Requester, *, address: str = "") -> Actor:
        """Another member that asks for what this node holds."""
        return cls(
            side=Side.HOLDER,
            user=requester.user,
            by=By.NODE if requester.user else By.NOTHING,
            device=Device(address=address),
            nodes=(requester.node_id,),
            institution=requester.institution,
        )

    def event(self, kind: Kind) -> Event:
        """An event that this actor causes."""
        return Event(
            kind=kind,
            side=self.side,
            user=self.user[:256],
            by=self.by,
            aet=self.device.aet[:16],
            address=self.device.address[:MAX_NAME],
            node=self.nodes[0].raw if self.nodes else b"",
            institution=self.institution[:MAX_NAME],
        )


OPERATOR: Final = Actor(side=Side.NONE, by=By.OPERATOR)


def moment(at: float) -> str:
    """Unix seconds as people write them, in UTC."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def subject_of(study: Study) -> Subject:
    """A study as the log names it."""
    return subject(study.study_uid, study.patient_id, study.issuer)


def subject(study_uid: str = "", patient_id: str = "", issuer: str = "") -> Subject:
    """A study, a patient or both, cut to what a record holds."""
    return Subject(study_uid=study_uid[:MAX_NAME], patient_id=patient_id[:MAX_TEXT], issuer=issuer[:MAX_TEXT])


def started(text: str) -> Event:
    """The node began to serve, in this version."""
    return Event(kind=Kind.APPLICATION, code=STARTED, text=text[:MAX_TEXT])


def stopped() -> Event:
    """The node serves no more."""
    return Event(kind=Kind.APPLICATION, code=STOPPED)


def queried(actor: Actor, query: StudyQuery, *, reason: str = "") -> Event:
    """A query was issued (requester's side) or received (holder's)."""
    return _ended(replace(actor.event(Kind.QUERY), keys=query.keys), reason)


def shown(actor: Actor, subjects: Iterable[Subject], *, level: str = "") -> Iterator[Event]:
    """What a query showed of studies; one event for each level and MAX_SUBJECTS studies."""
    event = replace(actor.event(Kind.SHOWN), level=level[:MAX_NAME])
    return (replace(event, subjects=group) for group in _groups(subjects))


def transfer_begun(actor: Actor, subject: Subject, *, number: int, level: str = "", to: str = "") -> Event:
    """Images of a study begin to leave, or are about to come, and go to whoever asks or `to` a place."""
    event = replace(actor.event(Kind.BEGIN_TRANSFER), transfer=number, level=level[:MAX_NAME])
    event = replace(event, text=f"to {to}"[:MAX_TEXT] if to else "")
    return replace(event, subjects=(subject,))


def instances_named(actor: Actor, subject: Subject, uids: Iterable[str], *, number: int, level: str) -> Event:
    """Which instances of a transfer go, by their UIDs as they are sent; INSTANCES_NAMED fit into a record."""
    event = transfer_begun(actor, subject, number=number, level=level)
    return replace(event, text=(NAMES + " ".join(uids))[:MAX_TEXT])


def transfer_ended(begun: Event, *, instances: int, failed: int, size: int, reason: str = "") -> Event:
    """The images of a transfer have gone or come: so many, so many failed, so many bytes of data sets."""
    event = replace(begun, kind=Kind.TRANSFERRED, instances=instances, failed=failed, size=size)
    return _ended(event, reason or ("partial" if failed else ""))


def transfer_refused(actor: Actor, subject: Subject, *, reason: str, is_attack: bool = False) -> Event:
    """Images of a study were asked for and not given; an attack is what no honest node does, as a forged ticket."""
    event = _ended(replace(actor.event(Kind.BEGIN_TRANSFER), subjects=(subject,)), reason)
    return replace(event, outcome=Outcome.SERIOUS_FAILURE) if is_attack else event


def signed_in(user: str, *, device: Device, by: By, reason: str = "") -> Event:
    """A user signed in, or tried to; `reason` is the code of the refusal."""
    event = Actor(side=Side.NONE, user=user, by=by, device=device).event(Kind.SIGN_IN)
    return _ended(replace(event, code=LOGIN), reason)


def signed_out(user: str, *, device: Device, by: By = By.SESSION) -> Event:
    """A user's session ended."""
    return replace(Actor(side=Side.NONE, user=user, by=by, device=device).event(Kind.SIGN_IN), code=LOGOUT)


def device_refused(device: Device, *, reason: str, text: str = "") -> Event:
    """A device of the local network tried to connect and is nobody known here."""
    event = replace(Actor(side=Side.NONE, device=device).event(Kind.ALERT), code=NODE_AUTHENTICATION)
    return _ended(replace(event, text=text[:MAX_TEXT]), reason)


def break_glass(
    user: str,
    *,
    reason: str,
    requester: Requester | None = None,
    subjects: Iterable[Subject] = (),
    device: Device = Device(),
    by: By = By.NOTHING,
    refused: str = "",
) -> Event:
    """Somebody takes more than their level in an emergency, and says why; `requester` when it is another member's.

    `refused` is the code of the refusal where no rule permits it.
    """
    actor = Actor.of(requester) if requester else Actor(side=Side.REQUESTER, user=user, by=by, device=device)
    event = replace(actor.event(Kind.ALERT), code=EMERGENCY_STARTED, text=reason[:MAX_TEXT])
    return _ended(replace(event, subjects=tuple(subjects)[:MAX_SUBJECTS]), refused)


def glass_mended(actor: Actor, subjects: Iterable[Subject], *, text: str) -> Event:
    """An emergency is over: after its time, or ended before."""
    event = replace(actor.event(Kind.ALERT), code=EMERGENCY_STOPPED, text=text[:MAX_TEXT])
    return replace(event, subjects=tuple(subjects)[:MAX_SUBJECTS])


def rules_changed(text: str, *, user: str = "") -> Event:
    """The policy in force is another one; `text` says what was added and removed."""
    return _changed(SECURITY_CONFIGURATION, text, user)


def pass_changed(text: str, about: Subject, *, user: str = "") -> Event:
    """A pass for a study was made, revoked, or used up."""
    return replace(_changed(SECURITY_CONFIGURATION, text, user), subjects=(about,))


def offer_noted(text: str, about: Subject, *, user: str = "") -> Event:
    """A study was offered to another institution, or an offer of another one accepted, refused or ended."""
    return replace(_changed(RESTRICTED_FUNCTION, text[:MAX_TEXT], user), subjects=(about,))


def configured(text: str, *, user: str = "") -> Event:
    """Users, groups, sessions, workstations or archives changed."""
    return _changed(USERS_CHANGED, text, user)


def membership_changed(text: str, *, user: str = "") -> Event:
    """The federation's members, groups or keys changed."""
    return _changed(ROLES_CHANGED, text, user)


def revealed(user: str, subjects: Iterable[Subject]) -> Iterator[Event]:
    """The owner of pseudonyms looked up whom they mean."""
    event = replace(OPERATOR.event(Kind.ALERT), code=RESTRICTED_FUNCTION, user=user[:256], text="pseudonym reveal")
    return (replace(event, subjects=group) for group in _groups(subjects))


def log_used(user: str, text: str) -> Event:
    """Somebody read the log, exported it, or let a part of it go."""
    return replace(OPERATOR.event(Kind.LOG_USED), user=user[:256], text=text[:MAX_TEXT])


def let_go(count: int, text: str) -> Event:
    """The first `count` records are about to be let go of as too old; verifying asks for this record."""
    return replace(OPERATOR.event(Kind.LOG_USED), instances=count, text=text[:MAX_TEXT])


def log_contradicted(node: NodeId, institution: str, text: str) -> Event:
    """A peer's log is not the one it signed before, or a peer says so of ours."""
    actor = Actor(side=Side.NONE, nodes=(node,), institution=institution)
    event = replace(actor.event(Kind.ALERT), code=RESTRICTED_FUNCTION, text=text[:MAX_TEXT])
    return replace(event, outcome=Outcome.MAJOR_FAILURE, reason="audit_contradicted")


def recovered(text: str) -> Event:
    """Recording had stopped, or the log was not whole, and goes on."""
    event = Event(kind=Kind.ALERT, code=RECORDING_STOPPED, text=text[:MAX_TEXT])
    return replace(event, outcome=Outcome.MAJOR_FAILURE, reason="audit_interrupted")


def _changed(code: int, text: str, user: str) -> Event:
    return replace(OPERATOR.event(Kind.ALERT), code=code, user=user[:256], text=text[:MAX_TEXT])


def _ended(event: Event, reason: str) -> Event:
    outcome = Outcome.MINOR_FAILURE if reason else Outcome.SUCCESS
    return replace(event, outcome=outcome, reason=reason[:MAX_NAME])


def _groups(subjects: Iterable[Subject]) -> Iterator[tuple[Subject, ...]]:
    waiting = list[Subject]()
    for one in subjects:
        waiting.append(one)
        if len(waiting) == MAX_SUBJECTS:
            yield tuple(waiting)
            waiting = []
    if waiting:
        yield tuple(waiting)
