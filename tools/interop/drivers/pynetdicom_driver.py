"""pynetdicom as a workstation, for tools.interop: OP HOST PORT CALLING CALLED [ARGS]; prints a count."""

from __future__ import annotations

import sys
import threading
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    MRImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"  # PS3.4 J.3.2.2.2
PENDING = (0xFF00, 0xFF01)
WAIT = 20.0  # seconds for the report of a commitment


def keys(level: str, uid: str) -> Dataset:
    """A query at a level; `uid` is a patient id, a study or `study,series`."""
    query, uids = Dataset(), uid.split(",")
    query.QueryRetrieveLevel = level
    if level == "PATIENT":
        query.PatientID = uid
        return query
    query.StudyInstanceUID = uids[0]
    if level in ("SERIES", "IMAGE"):
        query.SeriesInstanceUID = uids[1] if level == "IMAGE" else ""
    if level == "IMAGE":
        query.SOPInstanceUID = ""
    return query


def main(op: str, host: str, port: str, calling: str, called: str, *args: str) -> None:
    """Carry out one operation and print how much came of it."""
    entity, handlers, roles, seen = AE(calling), [], [], {"stored": 0, "committed": 0}
    told = threading.Event()

    def stored(event: Any) -> int:
        seen["stored"] += 1
        return 0x0000

    def reported(event: Any) -> int:
        seen["committed"] = len(event.event_information.get("ReferencedSOPSequence", []))
        told.set()
        return 0x0000

    root = PatientRootQueryRetrieveInformationModelFind
    if op == "find" and args[0] != "PATIENT":
        root = StudyRootQueryRetrieveInformationModelFind
    models = {
        "echo": [Verification],
        "find": [root],
        "move": [StudyRootQueryRetrieveInformationModelMove],
        "get": [StudyRootQueryRetrieveInformationModelGet, CTImageStorage, MRImageStorage],
        "store": [CTImageStorage, MRImageStorage],
        "commit": [StorageCommitmentPushModel],
    }[op]
    for model in models:
        entity.add_requested_context(model)
    if op == "get":
        handlers, roles = [(evt.EVT_C_STORE, stored)], [build_role(model, scp_role=True) for model in models[1:]]
    if op == "commit":
        handlers, roles = [(evt.EVT_N_EVENT_REPORT, reported)], []
    association = entity.associate(host, int(port), ae_title=called, evt_handlers=handlers, ext_neg=roles)
    if not association.is_established:
        sys.exit("no association")
    count = 0
    if op == "echo":
        count = int(association.send_c_echo().Status == 0)
    elif op == "find":
        count = sum(status.Status in PENDING for status, _ in association.send_c_find(keys(*args), models[0]))
    elif op == "move":
        *_, (last, _) = association.send_c_move(keys("STUDY", args[0]), args[1], models[0])
        count = int(last.Status == 0)
    elif op == "get":
        *_, (last, _) = association.send_c_get(keys("STUDY", args[0]), models[0])
        count = seen["stored"] if last.Status == 0 else 0
    elif op == "store":
        count = sum(association.send_c_store(file).Status == 0 for file in args)
    else:
        _ask_for_commitment(association, args)
        told.wait(WAIT)
        count = seen["committed"]
    association.release()
    print(f"COUNT {count}")


def _ask_for_commitment(association: Any, files: tuple[str, ...]) -> None:
    """Ask on this association; the report comes on it, or on one to the port that the node has for us."""
    asked = Dataset()
    asked.TransactionUID = generate_uid()
    asked.ReferencedSOPSequence = []
    for file in files:
        image, item = dcmread(file, stop_before_pixels=True), Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
        asked.ReferencedSOPSequence.append(item)
    association.send_n_action(asked, 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE)


if __name__ == "__main__":
    main(*sys.argv[1:])
