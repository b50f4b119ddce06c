"""C-STORE as the LAN sees it: an instance is taken as it is, and acknowledged when it is safe.

Belongs here: one instance's reception. Not here: assembling its bytes (messages.py), keeping them (node/).
Source: PS3.4 Annex B, PS3.7 9.1.1.
"""

from __future__ import annotations

from typing import Any

from pynetdicom.presentation import PresentationContext

from idas_p2p.dicom.framing import store_answer
from idas_p2p.dicom.messages import received_blob
from idas_p2p.dicom.scan import header_of
from idas_p2p.dicom.serving import ServedLink
from idas_p2p.dicom.statuses import DOES_NOT_MATCH, KEPT_FIRST, OUT_OF_RESOURCES, SUCCESS, store_status
from idas_p2p.errors import IdasError, MalformedInstance, SpoolFull
from idas_p2p.events import log_event


def serve_store(link: ServedLink, request: Any, context: PresentationContext) -> None:
    """Answer a C-STORE."""
    if request.lost:
        log_event("store_failed", reason="no_space")
        _tell(link, request, SpoolFull())
        link.respond(request, context, OUT_OF_RESOURCES)
        return
    syntax = str(context.transfer_syntax[0])
    data = received_blob(request)
    try:
        header = header_of(data, syntax)
        named = (request.AffectedSOPClassUID, request.AffectedSOPInstanceUID)
        if named != (header.sop_class_uid, header.sop_instance_uid):
            log_event("store_failed", reason="command_and_data_set_differ")
            _tell(link, request, MalformedInstance("command and data set name different instances"))
            link.respond(request, context, DOES_NOT_MATCH)
            return
        remark = link.host.bridge.call(link.host.services.store(link.caller, header.instance(data, syntax)))
    except IdasError as error:
        log_event("store_failed", reason=error.code)
        _tell(link, request, error)
        link.respond(request, context, store_status(error), error=error)
        return
    if remark:
        link.respond(request, context, KEPT_FIRST, remark=remark)
    else:
        answer = store_answer(
            sop_class_uid=header.sop_class_uid,
            sop_instance_uid=header.sop_instance_uid,
            message_id=request.MessageID,
            status=SUCCESS,
        )
        link.dimse.send_command(context.context_id, answer)


def _tell(link: ServedLink, request: Any, reason: IdasError) -> None:
    """Let a retrieval that waits for the instance know that it will not come."""
    uid = str(request.AffectedSOPInstanceUID)
    link.host.bridge.call(link.host.services.store_refused(link.caller, uid, reason))
