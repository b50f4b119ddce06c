"""Where images go: a workstation by its AE title, as the operator configured it."""

from __future__ import annotations

import ssl

from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.errors import BadConfiguration, NoSuchThing, UnknownDestination
from idas_p2p.store.settings import Settings


def destination(settings: Settings, aet: str, *, calling_aet: str, tls: ssl.SSLContext | None = None) -> RemoteAE:
    """The workstation with this AE title.

    Args:
        settings: names the workstations.
        aet: the title asked for.
        calling_aet: our own title, which the workstation will see.
        tls: for workstations that are called over TLS.

    Raises:
        BadConfiguration: it is called over TLS, and there are no settings for that.
        UnknownDestination: no workstation has it.
    """
    try:
        workstation = settings.workstation(aet)
    except NoSuchThing:
        raise UnknownDestination from None
    if workstation.tls and tls is None:
        raise BadConfiguration("a workstation is called over TLS, and this node has no settings for that")
    secured = tls if workstation.tls else None
    return RemoteAE(aet=aet, address=workstation.address, calling_aet=calling_aet, tls=secured)
