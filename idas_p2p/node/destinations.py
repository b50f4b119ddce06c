"""Where images go: a workstation or an archive by its AE title, as the operator configured it."""

from __future__ import annotations

import ssl

from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.errors import BadConfiguration, NoSuchThing, UnknownDestination
from idas_p2p.store.settings import Settings
from idas_p2p.wire.address import Address


def destination(settings: Settings, aet: str, *, calling_aet: str, tls: ssl.SSLContext | None = None) -> RemoteAE:
    """The workstation with this AE title, else the archive with it.

    Args:
        settings: names both.
        aet: the title asked for.
        calling_aet: our own title, which the destination will see.
        tls: for destinations that are called over TLS.

    Raises:
        BadConfiguration: it is called over TLS, and there are no settings for that.
        UnknownDestination: neither has it.
    """
    address, over_tls = _found(settings, aet)
    if over_tls and tls is None:
        raise BadConfiguration("a destination is called over TLS, and this node has no settings for that")
    return RemoteAE(aet=aet, address=address, calling_aet=calling_aet, tls=tls if over_tls else None)


def _found(settings: Settings, aet: str) -> tuple[Address, bool]:
    """Where a destination listens, and whether it is called over TLS."""
    try:
        workstation = settings.workstation(aet)
    except NoSuchThing:
        for archive in settings.archives():
            if archive.address is not None and archive.aet == aet:
                return archive.address, archive.tls
        raise UnknownDestination from None
    return workstation.address, workstation.tls
