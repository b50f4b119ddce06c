"""What this node asks of an archive: echo, find, move. Blocking generators, for threads.

Belongs here: one request each, its answers as values, its failures in words. Not here: the association (dialogue.py),
C-GET (get_request.py), threads and queues (client.py). Source: PS3.4 C.4.1 and C.4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.dimse_primitives import C_FIND, C_MOVE, C_STORE
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.dialogue import Dialogue, Stop, is_pending
from idas_p2p.dicom.get_contexts import (
    PLAIN_SYNTAXES,
)
from idas_p2p.dicom.identifiers import dataset_of, query_dataset, study_from_text
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.retrieve_identifiers import selection_dataset
from idas_p2p.dicom.statuses import CANCELLED, DESTINATION_UNKNOWN, OUT_OF_RESOURCES, SUCCESS, UNABLE_TO_PROCESS
from idas_p2p.dicom.walk import read_elements
from idas_p2p.errors import AnswerTooLarge, ArchiveFailed, MalformedInstance, MoveDestinationUnknown
from idas_p2p.wire.instance import InstanceFailed, Selection, Total
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import KEYWORDS, Study

FIND: Final = str(StudyRootQueryRetrieveInformationModelFind)
MOVE: Final = str(StudyRootQueryRetrieveInformationModelMove)
MAX_UID_LIST_SIZE: Final = 4_194_304  # bytes of a Failed SOP Instance UID List; ours: 65,000 UIDs

_MEANINGS: Final = {
    0xA700: "it is out of resources",
    0xA701: "it is out of resources",
    0xA702: "it could not send; check the address and port it has for this node",
    0xA801: "it does not know this node's AE title as a move destination; add this node to the archive's list",
    0xA900: "it does not accept the identifier",
    UNABLE_TO_PROCESS: "see the archive's log; Orthanc says so, among others, when it does not know this node's AE"
    " title as a move destination, or cannot connect to the host and port it has for it",
    0x0122: "it does not support this service",
    0x0124: "it does not authorize this node",
    0xFE00: "it cancelled",
}


_KINDS: Final = {
    ("C-MOVE", DESTINATION_UNKNOWN): MoveDestinationUnknown,
    ("C-FIND", OUT_OF_RESOURCES): AnswerTooLarge,
    ("C-FIND", CANCELLED): AnswerTooLarge,  # though nobody cancelled: so Orthanc says that its limit is reached
}


@dataclass(frozen=True, slots=True)
class Ended:
    """The archive says that it is done with a C-MOVE or C-GET.

    Args:
        sent: instances it counts as sent; None when it does not say.
        unnamed: instances it counts as failed beyond those it names.
        failure: why nothing was sent at all.
    """

    sent: int | None
    unnamed: int = 0
    failure: ArchiveFailed | None = None

    def check(self) -> None:
        """Raise what is wrong with the retrieval as a whole.

        Raises:
            ArchiveFailed: nothing was sent, or something failed without a name.
        """
        if self.failure is not None:
            raise self.failure
        if self.unnamed:
            raise ArchiveFailed(f"it could not send {self.unnamed} instances, and does not say which")


def echo(archive: RemoteAE, stop: Stop) -> None:
    """Ask whether the archive is there: C-ECHO.

    Raises:
        ArchiveUnreachable, ArchiveFailed: it is not, or does not answer properly.
    """
    with Dialogue(archive, [build_context(Verification)], stop=stop) as dialogue:
        status = dialogue.echo(str(Verification))
    if status != SUCCESS:
        raise failure_of("C-ECHO", status)


def find_studies(archive: RemoteAE, query: StudyQuery, stop: Stop, *, limit: int) -> Iterator[Study]:
    """Yield the studies an archive answers with; answers without a Study Instance UID are left out.

    Raises:
        ArchiveUnreachable, ArchiveFailed: also when there are more than `limit`.
    """
    with Dialogue(archive, [build_context(FIND, list(PLAIN_SYNTAXES))], stop=stop) as dialogue:
        for count, text in enumerate(answers(dialogue, query_dataset(query), (*KEYWORDS, "Modality"))):
            if count == limit:
                raise AnswerTooLarge(f"it answered with more than {limit} studies; ask for fewer")
            try:
                study = study_from_text(text)
            except MalformedInstance:
                continue
            yield study


def find_instances(archive: RemoteAE, study_uid: str, stop: Stop, *, limit: int) -> Iterator[tuple[str, str]]:
    """Yield Series and SOP Instance UID of each instance of a study that an archive lists, series by series.

    Raises:
        ArchiveUnreachable, ArchiveFailed: also when there are more than `limit`.
    """
    study, count = {"StudyInstanceUID": study_uid}, 0
    with Dialogue(archive, [build_context(FIND, list(PLAIN_SYNTAXES))], stop=stop) as dialogue:
        asked = dataset_of({"QueryRetrieveLevel": "SERIES", **study, "SeriesInstanceUID": ""})
        series = {text("SeriesInstanceUID") for text in list(answers(dialogue, asked, ["SeriesInstanceUID"]))}
        for uid in sorted(series - {""}):
            names = {"QueryRetrieveLevel": "IMAGE", **study, "SeriesInstanceUID": uid, "SOPInstanceUID": ""}
            for text in answers(dialogue, dataset_of(names), ["SOPInstanceUID"]):
                if count == limit:
                    raise ArchiveFailed(f"it answered with more than {limit} instances")
                count += 1
                yield uid, text("SOPInstanceUID")


def move(
    archive: RemoteAE, selection: Selection, stop: Stop, *, is_active: Callable[[], bool]
) -> Iterator[Total | InstanceFailed | Ended]:
    """Ask the archive to send a selection to this node's own AE title, and yield what it says about it, Ended last.

    Raises:
        ArchiveUnreachable, ArchiveFailed: the archive went away, or does not offer this.
    """
    contexts = [build_context(MOVE, list(PLAIN_SYNTAXES))]
    with Dialogue(archive, contexts, stop=stop, is_active=is_active) as dialogue:
        request = C_MOVE()
        request.MoveDestination = archive.calling_aet
        for message in dialogue.ask(request, MOVE, selection_dataset(selection)):
            if not isinstance(message, C_STORE):
                yield from progress("C-MOVE", message, dialogue.syntax_of_model(MOVE))


def progress(service: str, message: Any, syntax: str) -> Iterator[Total | InstanceFailed | Ended]:
    """What one response of C-MOVE or C-GET says: PS3.7 Tables 9.1-3 and 9.1-4."""
    remaining, completed, failed, warning = (
        getattr(message, f"NumberOf{kind}Suboperations") for kind in ("Remaining", "Completed", "Failed", "Warning")
    )
    counts = [count for count in (remaining, completed, failed, warning) if count is not None]
    if counts:
        yield Total(sum(counts))
    if is_pending(message):
        return
    named = _failed_uids(message, syntax)
    for uid in named:
        yield InstanceFailed(sop_instance_uid=uid, reason=ArchiveFailed("it could not send this instance"))
    sent = None if completed is None else completed + (warning or 0)
    failure = failure_of(service, message.Status) if message.Status != SUCCESS and not sent else None
    yield Ended(sent, max(0, (failed or 0) - len(named)), failure)


def _failed_uids(message: Any, syntax: str) -> list[str]:
    """Failed SOP Instance UID List (0008,0058) of a final response; empty when it has none that can be read."""
    if message.Identifier is None:
        return []
    keyword = "FailedSOPInstanceUIDList"
    data = MemoryBlob(message.Identifier.getvalue())
    try:
        text = read_elements(data, syntax, [keyword], max_value_size=MAX_UID_LIST_SIZE).reader()
    except MalformedInstance:
        return []
    return [uid for uid in dict.fromkeys(text(keyword).split("\\")) if uid]


def answers(dialogue: Dialogue, identifier: Dataset, keywords: Sequence[str]) -> Iterator[Any]:
    """A text reader for each pending C-FIND response; one that cannot be read is left out."""
    syntax = dialogue.syntax_of_model(FIND)
    for message in dialogue.ask(C_FIND(), FIND, identifier):
        if not is_pending(message):
            if message.Status != SUCCESS:
                raise failure_of("C-FIND", message.Status)
            return
        try:
            elements = read_elements(MemoryBlob(message.Identifier.getvalue()), syntax, keywords)
        except (MalformedInstance, AttributeError):  # no identifier at all
            continue
        yield elements.reader()


def failure_of(service: str, status: int) -> ArchiveFailed:
    """What the final status of a request that failed means, in words."""
    meaning = _MEANINGS.get(status, "see the archive's log")
    kind = _KINDS.get((service, status), ArchiveFailed)
    return kind(f"{service} ended with status 0x{status:04X}: {meaning}")
