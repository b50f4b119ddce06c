"""odil as a workstation and as a receiver, for tools.interop: OP HOST PORT CALLING CALLED [ARGS]; prints a count.

Run by the interpreter that Debian's python3-odil belongs to.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import odil

PLAIN = [odil.registry.ExplicitVRLittleEndian, odil.registry.ImplicitVRLittleEndian]


def keys(level: str, uid: str) -> Any:
    """A query at a level; `uid` is a patient id, a study or `study,series`."""
    query, uids = odil.DataSet(), uid.split(",")
    query.add("QueryRetrieveLevel", [level.encode()])
    if level == "PATIENT":
        query.add("PatientID", [uid.encode()])
        return query
    query.add("StudyInstanceUID", [uids[0].encode()])
    if level in ("SERIES", "IMAGE"):
        query.add("SeriesInstanceUID", [uids[1].encode()] if level == "IMAGE" else [])
    if level == "IMAGE":
        query.add("SOPInstanceUID", [])
    return query


def associated(host: str, port: int, calling: str, called: str, models: Sequence[str], *, scp: bool = False) -> Any:
    """An association for some SOP classes."""
    association = odil.Association()
    association.set_peer_host(host)
    association.set_peer_port(port)
    role = odil.AssociationParameters.PresentationContext.Role
    contexts = [
        odil.AssociationParameters.PresentationContext(
            2 * place + 1, model, PLAIN, role.Both if scp and place else role.SCU
        )
        for place, model in enumerate(models)
    ]
    association.update_parameters().set_calling_ae_title(calling).set_called_ae_title(called).set_presentation_contexts(
        contexts
    )
    association.associate()
    return association


def main(op: str, host: str, port: str, calling: str, called: str, *args: str) -> None:
    """Carry out one operation and print how much came of it."""
    registry, count = odil.registry, 0

    def counting(*_: object) -> None:
        nonlocal count
        count += 1

    where = (host, int(port), calling, called)
    if op == "echo":
        association = associated(*where, [registry.Verification])
        odil.EchoSCU(association).echo()
        count = 1
    elif op == "find":
        root = "Patient" if args[0] == "PATIENT" else "Study"
        model = getattr(registry, f"{root}RootQueryRetrieveInformationModelFind")
        association = associated(*where, [model])
        scu = odil.FindSCU(association)
        scu.set_affected_sop_class(model)
        scu.find(keys(*args), counting)
    elif op == "move":
        model = registry.StudyRootQueryRetrieveInformationModelMove
        association = associated(*where, [model])
        scu = odil.MoveSCU(association)
        scu.set_move_destination(args[1])
        scu.set_incoming_port(0)
        scu.set_affected_sop_class(model)
        scu.move(keys("STUDY", args[0]), lambda _: None, lambda _: None)
        count = 1
    elif op == "get":
        model = registry.StudyRootQueryRetrieveInformationModelGet
        storage = [registry.CTImageStorage, registry.MRImageStorage]
        association = associated(*where, [model, *storage], scp=True)
        scu = odil.GetSCU(association)
        scu.set_affected_sop_class(model)
        scu.get(keys("STUDY", args[0]), counting)
    elif op == "store":
        headers_and_data = [odil.Reader.read_file(file) for file in map(str, args)]
        models = sorted({bytes(data.as_string("SOPClassUID")[0]).decode() for _, data in headers_and_data})
        association = associated(*where, models)
        for _, data in headers_and_data:
            scu = odil.StoreSCU(association)
            scu.set_affected_sop_class(data)
            scu.store(data)
            count += 1
    association.release()
    print(f"COUNT {count}")


if __name__ == "__main__":
    main(*sys.argv[1:])
