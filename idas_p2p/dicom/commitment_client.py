"""Storage Commitment as this node uses it: asking an archive, and telling a requestor that released its association.

Blocking; for threads. Belongs here: one exchange each. Not here: when, and how often (node/commitments.py).
Source: PS3.4 J.3, PS3.7 D.3.3.4 (roles).
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from pynetdicom import build_context, build_role
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import encode

from idas_p2p.dicom.commitment import (
    PUSH_INSTANCE,
    PUSH_MODEL,
    REQUEST_COMMITMENT,
    Answered,
    Requested,
    answered_from,
    asked_dataset,
)
from idas_p2p.dicom.commitment_service import report_request
from idas_p2p.dicom.dialogue import MESSAGE_ID, Dialogue, Stop
from idas_p2p.dicom.get_contexts import PLAIN_SYNTAXES
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.serving import decoded_information
from idas_p2p.dicom.statuses import INVALID_ARGUMENT, SUCCESS
from idas_p2p.errors import ArchiveFailed, BadQuery

SAME_ASSOCIATION_WAIT: Final = 5.0  # seconds an archive has to report on the association that asked; ours


def ask_commitment(
    archive: RemoteAE, asked: Requested, stop: Stop, wait: float = SAME_ASSOCIATION_WAIT
) -> Answered | None:
    """Ask an archive to answer for instances from now on.

    Args:
        archive: whom to ask.
        asked: for which instances.
        stop: ends it from another thread.
        wait: seconds to keep the association open for the report.

    Returns:
        The report if it came on this association; None when the archive will report over one of its own.

    Raises:
        ArchiveUnreachable, ArchiveFailed: it was not asked, or refuses.
    """
    contexts = [build_context(PUSH_MODEL, list(PLAIN_SYNTAXES))]
    with Dialogue(archive, contexts, stop=stop) as dialogue:
        response = dialogue.request(_action(asked, dialogue), PUSH_MODEL)
        if response.Status != SUCCESS:
            raise ArchiveFailed(f"it refused the storage commitment with status 0x{response.Status:04X}")
        report = dialogue.take(wait)
        return None if report is None else _taken(report, asked, dialogue)


def tell_commitment(requestor: RemoteAE, answered: Answered, stop: Stop) -> None:
    """Report to a requestor over an association of our own, in which we are the SCP.

    Raises:
        ArchiveUnreachable, ArchiveFailed: it was not told.
    """
    contexts = [build_context(PUSH_MODEL, list(PLAIN_SYNTAXES))]
    with Dialogue(requestor, contexts, roles=[build_role(PUSH_MODEL, scp_role=True)], stop=stop) as dialogue:
        context = dialogue.context_of(PUSH_MODEL)
        request = report_request(answered, context, retrieve_aet=requestor.calling_aet, message_id=MESSAGE_ID)
        response = dialogue.request(request, PUSH_MODEL)
    if response.Status != SUCCESS:
        raise ArchiveFailed(f"it did not take the storage commitment report: status 0x{response.Status:04X}")


def _action(asked: Requested, dialogue: Dialogue) -> N_ACTION:
    syntax = dialogue.context_of(PUSH_MODEL).transfer_syntax[0]
    request = N_ACTION()
    request.RequestedSOPClassUID = PUSH_MODEL
    request.RequestedSOPInstanceUID = PUSH_INSTANCE
    request.ActionTypeID = REQUEST_COMMITMENT
    request.ActionInformation = BytesIO(
        encode(asked_dataset(asked), syntax.is_implicit_VR, syntax.is_little_endian) or b""
    )
    return request


def _taken(report: Any, asked: Requested, dialogue: Dialogue) -> Answered:
    """The report, acknowledged.

    Raises:
        ArchiveFailed: it is none, or of another request.
    """
    if not isinstance(report, N_EVENT_REPORT) or not report.is_valid_request:
        raise ArchiveFailed("it sent a message that is no storage commitment report")
    try:
        answered = answered_from(decoded_information(report.EventInformation, dialogue.context_of(PUSH_MODEL)))
    except BadQuery:
        answered = None
    is_ours = answered is not None and answered.transaction_uid == asked.transaction_uid
    response = N_EVENT_REPORT()
    response.MessageIDBeingRespondedTo = report.MessageID
    response.AffectedSOPClassUID = PUSH_MODEL
    response.AffectedSOPInstanceUID = PUSH_INSTANCE
    response.EventTypeID = report.EventTypeID
    response.Status = SUCCESS if is_ours else INVALID_ARGUMENT
    dialogue.reply(response, PUSH_MODEL)
    if answered is None or not is_ours:
        raise ArchiveFailed("its storage commitment report cannot be read, or is of another request")
    return answered
