"""What this node asks of an archive: echo, find, move, get. Blocking generators, for threads.

Belongs here: one request each, its answers as values, its failures in words. Not here: the association (dialogue.py),
threads and queues (client.py). Source: PS3.4 C.4.1 to C.4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE, C_STORE
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.dialogue import Dialogue, Stop, is_pending
from idas_p2p.dicom.get_contexts import (
    COMPRESSED,
    PLAIN_SYNTAXES,
    Proposal,
    classes_of_modalities,
    get_contexts,
)
from idas_p2p.dicom.identifiers import dataset_of, query_dataset, selection_dataset, study_from_text
from idas_p2p.dicom.messages import received_blob
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.scan import header_of
from idas_p2p.dicom.statuses import OUT_OF_RESOURCES, SUCCESS, UNABLE_TO_PROCESS
from idas_p2p.dicom.walk import read_elements
from idas_p2p.errors import ArchiveFailed, MalformedInstance
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import KEYWORDS, Study

FIND: Final = str(StudyRootQueryRetrieveInformationModelFind)
MOVE: Final = str(StudyRootQueryRetrieveInformationModelMove)
GET: Final = str(StudyRootQueryRetrieveInformationModelGet)
MAX_UID_LIST_SIZE: Final = 4_194_304  # bytes of a Failed SOP Instance UID List; ours: 65,000 UIDs

_MEANINGS: Final = {
    0xA700: "it is out of resources",
    0xA701: "it is out of resources",
    0xA702: "it could not send; check the address and port it has for this node",
    0xA801: "it does not know this node's AE title as a move destination; add this node to the archive's list",
    0xA900: "it does not accept the identifier",
    0x0122: "it does not support this service",
    0x0124: "it does not authorize this node",
    0xFE00: "it cancelled",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """The archive says it is done: how many instances it counts as sent, None when it does not say."""

    count: int | None


def echo(archive: RemoteAE, stop: Stop) -> None:
    """Ask whether the archive is there: C-ECHO.

    Raises:
        ArchiveUnreachable, ArchiveFailed: it is not, or does not answer properly.
    """
    with Dialogue(archive, [build_context(Verification)], stop=stop) as dialogue:
        status = dialogue.echo(str(Verification))
    if status != SUCCESS:
        raise _failure("C-ECHO", status)


def find_studies(archive: RemoteAE, query: StudyQuery, stop: Stop, *, limit: int) -> Iterator[Study]:
    """Yield the studies an archive answers with; answers without a Study Instance UID are left out.

    Raises:
        ArchiveUnreachable, ArchiveFailed: also when there are more than `limit`.
    """
    with Dialogue(archive, [build_context(FIND, list(PLAIN_SYNTAXES))], stop=stop) as dialogue:
        for count, text in enumerate(_answers(dialogue, query_dataset(query), (*KEYWORDS, "Modality"))):
            if count == limit:
                raise ArchiveFailed(f"it answered with more than {limit} studies; ask for fewer")
            try:
                study = study_from_text(text)
            except MalformedInstance:
                continue
            yield study


def sop_classes(archive: RemoteAE, selection: Selection, stop: Stop) -> list[str]:
    """The storage classes of a study, as well as the archive tells them; empty when it does not.

    Asks for SOP Classes in Study, and where that is not supported, for the modality of each series.
    """
    study = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": selection.study_uid, "SOPClassesInStudy": ""}
    series = {
        "QueryRetrieveLevel": "SERIES",
        "StudyInstanceUID": selection.study_uid,
        "SeriesInstanceUID": "",
        "Modality": "",
    }
    with Dialogue(archive, [build_context(FIND, list(PLAIN_SYNTAXES))], stop=stop) as dialogue:
        for text in list(_answers(dialogue, dataset_of(study), ["SOPClassesInStudy"])):
            if found := [uid for uid in text("SOPClassesInStudy").split("\\") if uid]:
                return found
        modalities = [text("Modality") for text in _answers(dialogue, dataset_of(series), ["Modality"])]
    return classes_of_modalities(dict.fromkeys(modalities))


def move(
    archive: RemoteAE, selection: Selection, stop: Stop, *, is_active: Callable[[], bool]
) -> Iterator[Total | InstanceFailed | Sent]:
    """Ask the archive to send a selection to this node's own AE title, and yield what it says about it.

    Raises:
        ArchiveUnreachable, ArchiveFailed: nothing was sent, or the archive went away.
    """
    contexts = [build_context(MOVE, list(PLAIN_SYNTAXES))]
    with Dialogue(archive, contexts, stop=stop, is_active=is_active) as dialogue:
        request = C_MOVE()
        request.MoveDestination = archive.calling_aet
        for message in dialogue.ask(request, MOVE, selection_dataset(selection)):
            if not isinstance(message, C_STORE):
                yield from _progress("C-MOVE", message, dialogue.syntax_of_model(MOVE))


def get(archive: RemoteAE, selection: Selection, stop: Stop) -> Iterator[RetrieveEvent]:
    """Retrieve a selection over the association that asks for it.

    What fails is asked for once more with compressed transfer syntaxes only (get_contexts.py says why); what came
    already is then not taken again.

    Raises:
        ArchiveUnreachable, ArchiveFailed: nothing was sent, or the archive went away.
    """
    classes = sop_classes(archive, selection, stop)
    taken: set[str] = set()
    failures, error = yield from _attempt(archive, selection, stop, get_contexts(GET, classes), taken)
    if failures:
        before = len(taken)
        yield from _attempt(archive, selection, stop, get_contexts(GET, classes, COMPRESSED), taken)
        failures = _still_failed(failures, taken, came_anew=len(taken) - before)
    if error and not taken:
        raise error
    yield from failures


def _attempt(
    archive: RemoteAE, selection: Selection, stop: Stop, proposal: Proposal, taken: set[str]
) -> Generator[RetrieveEvent, None, tuple[list[InstanceFailed], ArchiveFailed | None]]:
    """One C-GET; returns the failed instances, and how it failed as a whole."""
    failures: list[InstanceFailed] = []
    try:
        for event in _get_once(archive, selection, stop, proposal, taken):
            if isinstance(event, InstanceFailed):
                failures.append(event)
            else:
                yield event
    except ArchiveFailed as error:
        return failures, error
    return failures, None


def _get_once(
    archive: RemoteAE, selection: Selection, stop: Stop, proposal: Proposal, taken: set[str]
) -> Iterator[RetrieveEvent]:
    contexts, roles = proposal
    with Dialogue(archive, contexts, roles=roles, stop=stop) as dialogue:
        for message in dialogue.ask(C_GET(), GET, selection_dataset(selection)):
            if isinstance(message, C_STORE):
                yield from _take(dialogue, message, selection, taken)
            else:
                for event in _progress("C-GET", message, dialogue.syntax_of_model(GET)):
                    if not isinstance(event, Sent):
                        yield event


def _still_failed(failures: list[InstanceFailed], taken: set[str], *, came_anew: int) -> list[InstanceFailed]:
    """The failures of a first attempt that a second did not make good; those without a name by their number."""
    named = [failed for failed in failures if failed.sop_instance_uid]
    lost = [failed for failed in named if failed.sop_instance_uid not in taken]
    nameless = [failed for failed in failures if not failed.sop_instance_uid]
    return lost + nameless[max(0, came_anew - (len(named) - len(lost))) :]


def _take(
    dialogue: Dialogue, store: C_STORE, selection: Selection, taken: set[str]
) -> Iterator[Instance | InstanceFailed]:
    """Hand one instance on, and answer for it when it has been taken."""
    status = OUT_OF_RESOURCES
    try:
        instance = _instance(dialogue, store, selection)
    except (MalformedInstance, ArchiveFailed) as error:
        dialogue.acknowledge(store, UNABLE_TO_PROCESS)
        yield InstanceFailed(sop_instance_uid=str(store.AffectedSOPInstanceUID or ""), reason=error)
        return
    try:
        if instance.sop_instance_uid not in taken:
            yield instance
            taken.add(instance.sop_instance_uid)
        status = SUCCESS
    finally:
        dialogue.acknowledge(store, status)


def _instance(dialogue: Dialogue, store: C_STORE, selection: Selection) -> Instance:
    syntax = dialogue.syntax_of_context(store._context_id or 0)
    data = received_blob(store)
    instance = header_of(data, syntax).instance(data, syntax)
    if instance.study_uid != selection.study_uid or not selection.includes(
        series_uid=instance.series_uid, sop_instance_uid=instance.sop_instance_uid
    ):
        raise ArchiveFailed("it sent an instance that was not asked for")
    return instance


def _progress(service: str, message: Any, syntax: str) -> Iterator[Total | InstanceFailed | Sent]:
    """What one response of C-MOVE or C-GET says: PS3.7 Tables 9.1-3 and 9.1-4."""
    remaining, completed, failed, warning = (
        getattr(message, f"NumberOf{kind}Suboperations") for kind in ("Remaining", "Completed", "Failed", "Warning")
    )
    counts = [count for count in (remaining, completed, failed, warning) if count is not None]
    if counts:
        yield Total(sum(counts))
    if is_pending(message):
        return
    sent = None if completed is None else completed + (warning or 0)
    yield from _failed_instances(message, failed or 0, syntax)
    if message.Status != SUCCESS and not sent:
        raise _failure(service, message.Status)
    yield Sent(sent)


def _failed_instances(message: Any, count: int, syntax: str) -> Iterator[InstanceFailed]:
    """The instances the archive names as failed, and one without a name for each it only counts."""
    uids: list[str] = []
    if message.Identifier is not None:
        data = MemoryBlob(message.Identifier.getvalue())
        keyword = "FailedSOPInstanceUIDList"
        text = read_elements(data, syntax, [keyword], max_value_size=MAX_UID_LIST_SIZE).reader()
        uids = [uid for uid in text(keyword).split("\\") if uid]
    uids += [""] * (count - len(uids))
    for uid in uids:
        yield InstanceFailed(sop_instance_uid=uid, reason=ArchiveFailed("it could not send this instance"))


def _answers(dialogue: Dialogue, identifier: Dataset, keywords: Sequence[str]) -> Iterator[Any]:
    """A text reader for each pending C-FIND response; one that cannot be read is left out."""
    syntax = dialogue.syntax_of_model(FIND)
    for message in dialogue.ask(C_FIND(), FIND, identifier):
        if not is_pending(message):
            if message.Status != SUCCESS:
                raise _failure("C-FIND", message.Status)
            return
        try:
            elements = read_elements(MemoryBlob(message.Identifier.getvalue()), syntax, keywords)
        except (MalformedInstance, AttributeError):  # no identifier at all
            continue
        yield elements.reader()


def _failure(service: str, status: int) -> ArchiveFailed:
    meaning = _MEANINGS.get(status, "see the archive's log")
    return ArchiveFailed(f"{service} ended with status 0x{status:04X}: {meaning}")
