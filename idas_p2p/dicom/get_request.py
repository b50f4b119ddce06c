"""Retrieval by C-GET: the instances come back over the association that asks for them.

Belongs here: the request, its one repetition, taking instances one at a time. Not here: which contexts are proposed
(get_contexts.py), the association (dialogue.py). Source: PS3.4 C.4.3.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

from pynetdicom import build_context
from pynetdicom.dimse_primitives import C_GET, C_STORE
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet

from idas_p2p.dicom.arrived import Arrived
from idas_p2p.dicom.dialogue import Dialogue, Stop
from idas_p2p.dicom.get_contexts import COMPRESSED, PLAIN_SYNTAXES, Proposal, classes_of_modalities, get_contexts
from idas_p2p.dicom.identifiers import dataset_of
from idas_p2p.dicom.messages import received_blob
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.requests import FIND, Ended, answers, progress
from idas_p2p.dicom.retrieve_identifiers import selection_dataset
from idas_p2p.dicom.scan import header_of
from idas_p2p.dicom.statuses import OUT_OF_RESOURCES, SUCCESS, store_status
from idas_p2p.errors import ArchiveFailed, IdasError, InstanceChanged, SpoolFull
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection

GET: Final = str(StudyRootQueryRetrieveInformationModelGet)


def get(archive: RemoteAE, selection: Selection, stop: Stop, *, receive_folder: Path | None) -> Iterator[RetrieveEvent]:
    """Retrieve a selection over the association that asks for it.

    What fails is asked for once more with compressed transfer syntaxes only (get_contexts.py says why); what came
    already is then not taken again.

    Args:
        archive: whom to ask.
        selection: what of which study.
        stop: ends it from another thread.
        receive_folder: where large data sets go while they arrive; None keeps them in memory.

    Raises:
        ArchiveUnreachable, ArchiveFailed: nothing was sent, or the archive went away.
    """
    classes = sop_classes(archive, selection, stop)
    retrieval = _Get(archive, selection, stop, receive_folder)
    failures, ended = yield from retrieval.attempt(get_contexts(GET, classes))
    if failures or ended.unnamed:
        before = len(retrieval.taken)
        yield from retrieval.attempt(get_contexts(GET, classes, COMPRESSED))
        came = len(retrieval.taken) - before
        lost = [failed for failed in failures if failed.sop_instance_uid not in retrieval.taken]
        unnamed = max(0, ended.unnamed - (came - (len(failures) - len(lost))))
        failures, ended = lost, Ended(None, unnamed, None if retrieval.taken else ended.failure)
    yield from failures
    ended.check()


class _Get:
    """One selection asked for by C-GET, in one or two attempts."""

    def __init__(self, archive: RemoteAE, selection: Selection, stop: Stop, receive_folder: Path | None) -> None:
        self._archive = archive
        self._selection = selection
        self._stop = stop
        self._receive_folder = receive_folder
        self.taken: set[str] = set()  # SOP Instance UIDs
        self._came = Arrived()  # in this attempt: in another they may come in another transfer syntax

    def attempt(self, proposal: Proposal) -> Generator[RetrieveEvent, None, tuple[list[InstanceFailed], Ended]]:
        """One C-GET; returns the failed instances, and how it ended."""
        failures: list[InstanceFailed] = []
        ended, self._came = Ended(None), Arrived()
        for event in self._events(proposal):
            if isinstance(event, InstanceFailed) and not isinstance(event.reason, InstanceChanged):
                failures.append(event)
            elif isinstance(event, Ended):
                ended = event
            else:
                yield event
        return failures, ended

    def _events(self, proposal: Proposal) -> Iterator[RetrieveEvent | Ended]:
        contexts, roles = proposal
        with Dialogue(
            self._archive, contexts, roles=roles, stop=self._stop, receive_folder=self._receive_folder
        ) as dialogue:
            for message in dialogue.ask(C_GET(), GET, selection_dataset(self._selection)):
                if isinstance(message, C_STORE):
                    yield from self._take(dialogue, message)
                else:
                    yield from progress("C-GET", message, dialogue.syntax_of_model(GET))

    def _take(self, dialogue: Dialogue, store: C_STORE) -> Iterator[Instance | InstanceFailed]:
        """Hand one instance on, and answer for it when it has been taken."""
        status = OUT_OF_RESOURCES
        try:
            instance = self._instance(dialogue, store)
        except IdasError as error:
            dialogue.acknowledge(store, store_status(error))
            yield InstanceFailed(sop_instance_uid=str(store.AffectedSOPInstanceUID or ""), reason=error)
            return
        try:
            if instance.sop_instance_uid not in self.taken:
                instance = self._came.add(instance)
                yield instance
                self.taken.add(instance.sop_instance_uid)
            elif instance.sop_instance_uid in self._came and (change := self._came.change(instance)) is not None:
                yield change
            status = SUCCESS
        finally:
            dialogue.acknowledge(store, status)

    def _instance(self, dialogue: Dialogue, store: C_STORE) -> Instance:
        if store.lost:
            raise SpoolFull("it could not be kept while it arrived")
        syntax = dialogue.syntax_of_context(store._context_id or 0)
        data = received_blob(store)
        instance = header_of(data, syntax).instance(data, syntax)
        if instance.study_uid != self._selection.study_uid or not self._selection.includes(
            series_uid=instance.series_uid, sop_instance_uid=instance.sop_instance_uid
        ):
            raise ArchiveFailed("it sent an instance that was not asked for")
        return instance


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
        for text in list(answers(dialogue, dataset_of(study), ["SOPClassesInStudy"])):
            if found := [uid for uid in text("SOPClassesInStudy").split("\\") if uid]:
                return found
        modalities = [text("Modality") for text in answers(dialogue, dataset_of(series), ["Modality"])]
    return classes_of_modalities(dict.fromkeys(modalities))
