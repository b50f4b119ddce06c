"""Storage Commitment as the LAN sees it: taken, and answered on the association that asked if it stays open.

A requestor that keeps its association open waits there for the report; one that releases it gets the report over an
association of ours (node/commitments.py). Belongs here: the conversation. Not here: knowing what is safe (node/).
Source: PS3.4 J.3.2 and J.3.3, PS3.7 10.1.1 and 10.1.4.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.presentation import PresentationContext

from idas_p2p.dicom.commitment import (
    PUSH_INSTANCE,
    PUSH_MODEL,
    REQUEST_COMMITMENT,
    Answered,
    answered_dataset,
    answered_from,
    asked_from,
)
from idas_p2p.dicom.serving import ServedLink, comment_on, decoded_information
from idas_p2p.dicom.statuses import (
    INVALID_ARGUMENT,
    NO_SUCH_ACTION,
    NO_SUCH_EVENT,
    NO_SUCH_INSTANCE,
    NOT_AUTHORIZED,
    PROCESSING_FAILURE,
    SUCCESS,
    find_status,
)
from idas_p2p.errors import BadQuery, IdasError
from idas_p2p.events import log_event

WAIT: Final = 1.0  # seconds a requestor has to release its association before the report is sent on it; ours
CLAIM: Final = 20.0  # seconds the report belongs to that association, before it goes over one of ours; ours


def serve_action(link: ServedLink, request: Any, context: PresentationContext) -> None:
    """Answer an N-ACTION that asks for commitment, and have the report follow."""
    if request.RequestedSOPInstanceUID != PUSH_INSTANCE:
        _respond(link, request, context, NO_SUCH_INSTANCE)
        return
    if request.ActionTypeID != REQUEST_COMMITMENT:
        _respond(link, request, context, NO_SUCH_ACTION)
        return
    try:
        asked = asked_from(decoded_information(request.ActionInformation, context))
        link.host.bridge.call(link.host.services.commitment_asked(link.caller, asked))
    except IdasError as error:
        log_event("commitment_refused", reason=error.code)
        _respond(link, request, context, _status(error), error=error)
        return
    log_event("commitment_asked", count=len(asked.references))
    _respond(link, request, context, SUCCESS)
    link.later(WAIT, lambda: _report(link, context, asked.transaction_uid))


def serve_report(link: ServedLink, request: Any, context: PresentationContext) -> None:
    """Take an N-EVENT-REPORT: an archive says what became of our request."""
    if request.AffectedSOPInstanceUID != PUSH_INSTANCE:
        _respond(link, request, context, NO_SUCH_INSTANCE)
        return
    if request.EventTypeID not in (1, 2):
        _respond(link, request, context, NO_SUCH_EVENT)
        return
    try:
        answered = answered_from(decoded_information(request.EventInformation, context))
        link.host.bridge.call(link.host.services.commitment_answered(link.caller, answered))
    except IdasError as error:
        log_event("commitment_report_refused", reason=error.code)
        _respond(link, request, context, _status(error), error=error)
        return
    _respond(link, request, context, SUCCESS)


def report_request(answered: Answered, context: PresentationContext, *, retrieve_aet: str, message_id: int) -> Any:
    """The N-EVENT-REPORT request that tells an answer."""
    request = N_EVENT_REPORT()
    request.MessageID = message_id
    request.AffectedSOPClassUID = PUSH_MODEL
    request.AffectedSOPInstanceUID = PUSH_INSTANCE
    request.EventTypeID = answered.event_type
    syntax = context.transfer_syntax[0]
    encoded = encode(
        answered_dataset(answered, retrieve_aet=retrieve_aet), syntax.is_implicit_VR, syntax.is_little_endian
    )
    request.EventInformation = BytesIO(encoded or b"")
    return request


def _report(link: ServedLink, context: PresentationContext, transaction_uid: str) -> None:
    """Tell the result on the requestor's own association; in its thread, while it is idle."""
    services, caller = link.host.services, link.caller
    answered = link.host.bridge.call(services.commitment_result(caller, transaction_uid, claim=CLAIM))
    if answered is None:
        return  # it was told already

    def told(response: Any) -> None:
        if response.Status == SUCCESS:
            link.host.bridge.call(services.commitment_told(caller, transaction_uid))

    request = report_request(answered, context, retrieve_aet=link.host.aet, message_id=link.next_message_id())
    link.ask(request, context, told)


def _status(error: IdasError) -> int:
    if isinstance(error, BadQuery):
        return INVALID_ARGUMENT
    status = find_status(error)
    return status if status == NOT_AUTHORIZED else PROCESSING_FAILURE


def _respond(
    link: ServedLink, request: Any, context: PresentationContext, status: int, *, error: IdasError | None = None
) -> None:
    response = type(request)()
    response.MessageIDBeingRespondedTo = request.MessageID
    response.AffectedSOPClassUID = PUSH_MODEL
    response.AffectedSOPInstanceUID = PUSH_INSTANCE
    if isinstance(request, N_ACTION):
        response.ActionTypeID = request.ActionTypeID
    else:
        response.EventTypeID = request.EventTypeID
    response.Status = status
    if error is not None:
        response.ErrorComment = comment_on(error)
    link.dimse.send_msg(response, context.context_id)
