"""C-MOVE and C-GET as the LAN sees them: pending responses at least once a second, and an honest end.

Belongs here: the conversation with the requester. Not here: finding instances (node/), sending them elsewhere
(deliver.py), sending one (sending.py), counting (retrieve.py). Source: PS3.4 C.4.2 and C.4.3, PS3.7 9.1.3 and 9.1.4.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom.presentation import PresentationContext

from idas_p2p import limits
from idas_p2p.dicom.deliver import deliver
from idas_p2p.dicom.pull import Pull
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.retrieve import DeliveryReport, Outcome, failed_uid_list, final_status
from idas_p2p.dicom.retrieve_identifiers import patient_query, selections_from_dataset
from idas_p2p.dicom.sending import store_instance
from idas_p2p.dicom.services import Remarks
from idas_p2p.dicom.serving import ServedLink, decoded_identifier
from idas_p2p.dicom.statuses import PENDING, SUCCESS
from idas_p2p.errors import CannotConvert, ChannelClosed, DestinationFailed, IdasError, StudyNotFound, TooManyMatches
from idas_p2p.events import log_event
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total

POLL: Final = 0.2  # seconds between looks for C-CANCEL; ours
MAX_STUDIES: Final = 1_000  # of one patient retrieved at once; ours
_PRIORITIES: Final = {0: Priority.MEDIUM, 1: Priority.HIGH, 2: Priority.LOW}  # (0000,0700); PS3.7 E.1


class Conversation:
    """What the requester is told during one C-MOVE or C-GET, and when.

    Args:
        link: the requester's association.
        request: its C-MOVE or C-GET.
        context: the presentation context of the request.
    """

    def __init__(self, link: ServedLink, request: Any, context: PresentationContext) -> None:
        self._link = link
        self._request = request
        self._context = context
        self._said_at = time.monotonic()
        self.report = DeliveryReport()
        self.error: IdasError | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether the requester cancelled or is gone."""
        return self._link.is_gone or self.is_cancelled

    @property
    def is_cancelled(self) -> bool:
        """Whether a C-CANCEL came."""
        return self._link.is_cancelled(self._request.MessageID)

    def keep_alive(self) -> None:
        """Send a pending response when the last one is PENDING_INTERVAL ago."""
        if time.monotonic() - self._said_at < limits.PENDING_INTERVAL or self._link.is_gone:
            return
        self._said_at = time.monotonic()
        self._say(PENDING, {"NumberOfRemainingSuboperations": self.report.remaining})

    def conclude(self) -> None:
        """Send the final response."""
        is_cancelled = self.is_cancelled and self.report.remaining > 0
        if not is_cancelled:
            self.report = self.report.finished()
        status = final_status(self.report, error=self.error, cancelled=is_cancelled)
        log_event(
            "retrieval_served",
            count=self.report.completed,
            failed=self.report.failed,
            bytes=self.report.bytes,
            reason=self.error.code if self.error else f"{status:04x}",
        )
        if self._link.is_gone:
            return
        remaining = {"NumberOfRemainingSuboperations": self.report.remaining} if is_cancelled else {}
        self._say(status, remaining, uids=[] if status == SUCCESS else failed_uid_list(self.report))

    def _say(self, status: int, remaining: dict[str, int], *, uids: list[str] | None = None) -> None:
        identifier = None
        if uids:
            identifier = Dataset()
            identifier.FailedSOPInstanceUIDList = uids
        counters = remaining | {
            "NumberOfCompletedSuboperations": self.report.completed,
            "NumberOfFailedSuboperations": self.report.failed,
            "NumberOfWarningSuboperations": self.report.warning,
        }
        error = self.error if status not in {PENDING, SUCCESS} else None
        self._link.respond(
            self._request,
            self._context,
            status,
            error=error,
            remark="" if status in {PENDING, SUCCESS} else self.report.remark,
            identifier=identifier,
            counters=counters,
        )


def priority_of(request: Any) -> Priority:
    """How urgent a C-MOVE or C-GET says that it is; medium when it says nothing that PS3.7 knows."""
    return _PRIORITIES.get(request.Priority, Priority.MEDIUM)


def serve_move(link: ServedLink, request: Any, context: PresentationContext) -> None:
    """Answer a C-MOVE."""
    conversation = Conversation(link, request, context)
    services, caller = link.host.services, link.caller
    try:
        selections = _selections(link, conversation, decoded_identifier(request, context))
        title = str(request.MoveDestination or "").strip()
        remote = link.host.bridge.call(services.destination(caller, title))
        with link.host.bridge.iterate(_delivery(link, conversation, remote, selections, request)) as delivery:
            _wait(conversation, delivery)
    except IdasError as error:
        conversation.error = error
    conversation.conclude()


def _selections(link: ServedLink, conversation: Conversation, identifier: Dataset) -> list[Selection]:
    """What an identifier asks for; the studies of a patient have to be found first.

    Raises:
        StudyNotFound: the patient has none.
        TooManyMatches: more than MAX_STUDIES.
    """
    query = patient_query(identifier)
    if query is None:
        return selections_from_dataset(identifier)
    uids = list[str]()
    with link.host.bridge.iterate(link.host.services.find(link.caller, query, remarks=Remarks())) as studies:
        while not conversation.is_stopped:
            try:
                uids.append(studies.get(POLL).study_uid)
            except TimeoutError:
                conversation.keep_alive()
            except StopIteration:
                break
            if len(uids) > MAX_STUDIES:
                raise TooManyMatches(f"the patient has more than {MAX_STUDIES} studies")
    if not uids:
        raise StudyNotFound
    return [Selection(study_uid=uid) for uid in uids]


async def _delivery(
    link: ServedLink, conversation: Conversation, remote: RemoteAE, selections: list[Selection], request: Any
) -> AsyncIterator[DeliveryReport]:
    """The whole delivery as an iterator with one item, its report."""

    def on_progress(report: DeliveryReport) -> None:
        conversation.report = report

    title = str(request.MoveDestination or "").strip()
    events = link.host.services.retrieve(link.caller, selections, priority_of(request), destination=title)
    originator = (link.caller.aet, request.MessageID)
    yield await deliver(link.host.bridge, remote, events, on_progress=on_progress, originator=originator)


def _wait(conversation: Conversation, delivery: Pull[DeliveryReport]) -> None:
    while not conversation.is_stopped:
        try:
            conversation.report = delivery.get(POLL)
        except TimeoutError:
            conversation.keep_alive()
        except StopIteration:
            return
    delivery.close()


def serve_get(link: ServedLink, request: Any, context: PresentationContext) -> None:
    """Answer a C-GET; its sub-operations go over the same association."""
    conversation = Conversation(link, request, context)
    try:
        selections = _selections(link, conversation, decoded_identifier(request, context))
        wanted = link.host.services.retrieve(link.caller, selections, priority_of(request))
        with link.host.bridge.iterate(wanted) as events:
            _send_each(link, conversation, events)
    except ChannelClosed:
        if not link.is_gone:
            raise
    except IdasError as error:
        conversation.error = error
    conversation.conclude()


def _send_each(link: ServedLink, conversation: Conversation, events: Pull[RetrieveEvent]) -> None:
    message_id = 0
    while not conversation.is_stopped:
        try:
            event = events.get(POLL)
        except TimeoutError:
            conversation.keep_alive()
            continue
        except StopIteration:
            return
        if isinstance(event, Total):
            conversation.report = conversation.report.with_total(event.count)
        elif isinstance(event, InstanceFailed):
            conversation.report = conversation.report.with_outcome(Outcome.FAILED, event.sop_instance_uid)
        else:
            message_id = message_id % 0xFFFF + 1
            _send_one(link, conversation, event, message_id)
        conversation.keep_alive()


def _send_one(link: ServedLink, conversation: Conversation, instance: Instance, message_id: int) -> None:
    try:
        outcome = store_instance(link, instance, message_id=message_id, while_waiting=conversation.keep_alive)
    except CannotConvert as error:
        conversation.report = conversation.report.with_outcome(
            Outcome.FAILED, instance.sop_instance_uid, remark=error.detail
        )
        return
    except DestinationFailed:
        link.end()
        raise
    conversation.report = conversation.report.with_outcome(outcome, instance.sop_instance_uid, size=instance.data.size)
