"""C-FIND as the LAN sees it: matches in pending responses as they are found, and an honest end.

Belongs here: one query's conversation. Not here: finding (node/), identifiers (identifiers.py, part_identifiers.py),
patients (patients.py). Source: PS3.4 C.4.1, PS3.7 9.1.2.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final, TypeVar

from pydicom.dataset import Dataset
from pynetdicom.presentation import PresentationContext

from idas_p2p.dicom.combined import combined
from idas_p2p.dicom.contexts import PATIENT_ROOT
from idas_p2p.dicom.identifiers import answer_dataset, query_from_dataset, query_level, response_dataset
from idas_p2p.dicom.negotiation import options_of
from idas_p2p.dicom.part_identifiers import part_query_from_dataset, part_response
from idas_p2p.dicom.patients import Patients
from idas_p2p.dicom.query_keys import Level, unsupported
from idas_p2p.dicom.services import Remarks
from idas_p2p.dicom.serving import ServedLink, decoded_identifier
from idas_p2p.dicom.statuses import CANCELLED, PENDING, PENDING_WITHOUT_KEYS, SUCCESS, find_status
from idas_p2p.errors import BadQuery, IdasError, TooManyMatches
from idas_p2p.events import log_event
from idas_p2p.wire.parts import Depth
from idas_p2p.wire.study import Study

POLL: Final = 0.2  # seconds between looks for C-CANCEL while nothing is found; ours
_DEPTHS: Final = {Level.SERIES: Depth.SERIES, Level.IMAGE: Depth.IMAGE}

T = TypeVar("T")


def serve_find(link: ServedLink, request: Any, context: PresentationContext) -> None:
    """Answer a C-FIND."""
    try:
        identifier = decoded_identifier(request, context)
        conversation = Conversation(link, request, context, identifier)
        status = _answer(conversation, _level(identifier, context))
    except IdasError as error:
        log_event("find_failed", reason=error.code)
        link.respond(request, context, find_status(error), error=error)
    else:
        if status is not None:
            link.respond(request, context, status, remark=remark_of(conversation.remarks) if status == SUCCESS else "")


def remark_of(remarks: Remarks) -> str:
    """What the last response says of holders that did not answer: the Error Comment of a success, which may be less."""
    return f"{remarks.unanswered} of {remarks.asked} holders did not answer" if remarks.unanswered else ""


def _level(identifier: Dataset, context: PresentationContext) -> Level:
    try:
        level = Level(query_level(identifier))
    except ValueError:
        raise BadQuery("Query/Retrieve Level is PATIENT, STUDY, SERIES or IMAGE") from None
    if level is Level.PATIENT and context.abstract_syntax not in PATIENT_ROOT:
        raise BadQuery("Study Root has no PATIENT level")
    return level


class Conversation:
    """One C-FIND: the request, and how matches are told.

    Args:
        link: the association.
        request: the C-FIND.
        context: the presentation context of the request.
        identifier: of the request.
    """

    def __init__(self, link: ServedLink, request: Any, context: PresentationContext, identifier: Dataset) -> None:
        self.link, self.identifier = link, identifier
        self.aet, self.remarks = link.host.aet, Remarks()
        self.options = options_of(link.acse.agreed.get(str(context.abstract_syntax), b""))
        self._request, self._context = request, context
        self._pending = PENDING_WITHOUT_KEYS if unsupported(identifier) else PENDING

    def tell(self, answer: Dataset) -> None:
        """Send one match."""
        self.link.respond(self._request, self._context, self._pending, identifier=answer)

    def tell_each(self, found: AsyncIterator[T], answers: Callable[[T], Iterable[Dataset]]) -> int | None:
        """Send what comes as it comes; the final status, or None when nobody listens any more."""
        with self.link.host.bridge.iterate(found) as items:
            while not self.link.is_gone:
                if self.link.is_cancelled(self._request.MessageID):
                    return CANCELLED
                try:
                    item = items.get(POLL)
                except TimeoutError:
                    continue
                except StopIteration:
                    return SUCCESS
                for answer in answers(item):
                    self.tell(answer)
        return None


def _answer(conversation: Conversation, level: Level) -> int | None:
    link, identifier, aet = conversation.link, conversation.identifier, conversation.aet
    services, remarks, fuzzy = link.host.services, conversation.remarks, conversation.options.fuzzy_names
    if (depth := _DEPTHS.get(level)) is not None:
        asked = part_query_from_dataset(identifier, depth, fuzzy_names=fuzzy)
        parts = services.find_parts(link.caller, asked, remarks=remarks)
        return conversation.tell_each(
            parts, lambda part: [part_response(part, identifier, depth=depth, retrieve_aet=aet)]
        )
    query = query_from_dataset(identifier, fuzzy_names=fuzzy)
    fits: Callable[[Study], bool] = _any_study
    if conversation.options.combined_times:
        query, fits = combined(query)
    studies = services.find(link.caller, query, remarks=remarks)
    if level is Level.PATIENT:
        return _answer_patients(conversation, studies, fits)
    return conversation.tell_each(
        studies, lambda study: [response_dataset(study, identifier, retrieve_aet=aet)] if fits(study) else []
    )


def _any_study(study: Study) -> bool:
    return True


def _answer_patients(
    conversation: Conversation, studies: AsyncIterator[Study], fits: Callable[[Study], bool]
) -> int | None:
    patients = Patients.for_request(conversation.identifier)

    def answer(values: dict[str, str]) -> Dataset:
        return answer_dataset(values, conversation.identifier, level=Level.PATIENT, retrieve_aet=conversation.aet)

    def answers(study: Study) -> list[Dataset]:
        values = patients.add(study) if fits(study) else None
        if patients.are_too_many:
            raise TooManyMatches
        return [] if values is None else [answer(values)]

    status = conversation.tell_each(studies, answers)
    if status == SUCCESS:
        for values in patients.rest():
            conversation.tell(answer(values))
    return status
