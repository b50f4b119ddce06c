"""Where images go: a workstation by its AE title, as the operator configured it."""

from __future__ import annotations

from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.errors import NoSuchThing, UnknownDestination
from idas_p2p.store.settings import Settings


def destination(settings: Settings, aet: str, *, calling_aet: str) -> RemoteAE:
    """The workstation with this AE title.

    Args:
        settings: names the workstations.
        aet: the title asked for.
        calling_aet: our own title, which the workstation will see.

    Raises:
        UnknownDestination: no workstation has it.
    """
    try:
        workstation = settings.workstation(aet)
    except NoSuchThing:
        raise UnknownDestination from None
    return RemoteAE(aet=aet, address=workstation.address, calling_aet=calling_aet)
