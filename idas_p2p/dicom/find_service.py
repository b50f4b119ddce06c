"""C-FIND as the LAN sees it: studies in pending responses as they are found, and an honest end.

Belongs here: one query's conversation. Not here: finding (node/), identifiers (identifiers.py).
Source: PS3.4 C.4.1, PS3.7 9.1.2.
"""

from __future__ import annotations

from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom.presentation import PresentationContext

from idas_p2p.dicom.identifiers import query_from_dataset, query_level, response_dataset
from idas_p2p.dicom.pull import Pull
from idas_p2p.dicom.serving import ServedLink, decoded_identifier
from idas_p2p.dicom.statuses import CANCELLED, PENDING, SUCCESS, find_status
from idas_p2p.errors import BadQuery, IdasError
from idas_p2p.events import log_event
from idas_p2p.wire.study import Study

POLL: Final = 0.2  # seconds between looks for C-CANCEL while nothing is found; ours


def serve_find(link: ServedLink, request: Any, context: PresentationContext) -> None:
    """Answer a C-FIND."""
    try:
        identifier = decoded_identifier(request, context)
        if query_level(identifier) != "STUDY":
            raise BadQuery("queries are answered at STUDY level")
        query = query_from_dataset(identifier)
        with link.host.bridge.iterate(link.host.services.find(link.caller, query)) as studies:
            status = _answer_each(link, request, context, identifier, studies)
    except IdasError as error:
        log_event("find_failed", reason=error.code)
        link.respond(request, context, find_status(error), error=error)
    else:
        if status is not None:
            link.respond(request, context, status)


def _answer_each(
    link: ServedLink, request: Any, context: PresentationContext, identifier: Dataset, studies: Pull[Study]
) -> int | None:
    """Send each study as it comes; the final status, or None when nobody listens any more."""
    while not link.is_gone:
        if link.is_cancelled(request.MessageID):
            return CANCELLED
        try:
            study = studies.get(POLL)
        except TimeoutError:
            continue
        except StopIteration:
            return SUCCESS
        answer = response_dataset(study, identifier, retrieve_aet=link.host.aet)
        link.respond(request, context, PENDING, identifier=answer)
    return None
