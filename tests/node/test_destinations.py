from __future__ import annotations

import ssl

import pytest

from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.errors import BadConfiguration, UnknownDestination
from idas_p2p.node.destinations import destination
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Archive, Settings, Workstation
from idas_p2p.wire.address import Address


def test_a_workstation_is_a_destination_by_its_title(database: Database) -> None:
    settings = Settings(database)
    settings.add_workstation(Workstation(aet="VIEWER", address=Address("192.0.2.1", 104)))
    found = destination(settings, "VIEWER", calling_aet="IDAS")
    assert found == RemoteAE(aet="VIEWER", address=Address("192.0.2.1", 104), calling_aet="IDAS")


def test_any_other_title_is_refused_by_name(database: Database) -> None:
    with pytest.raises(UnknownDestination):
        destination(Settings(database), "VIEWER", calling_aet="IDAS")


def test_a_workstation_over_tls_is_called_so_and_never_in_clear(database: Database) -> None:
    settings, context = Settings(database), ssl.create_default_context()
    settings.add_workstation(Workstation(aet="VIEWER", address=Address("192.0.2.1", 2762), tls=True))
    assert destination(settings, "VIEWER", calling_aet="IDAS", tls=context).tls is context
    with pytest.raises(BadConfiguration):
        destination(settings, "VIEWER", calling_aet="IDAS")
    settings.add_workstation(Workstation(aet="VIEWER", address=Address("192.0.2.1", 104)))
    assert destination(settings, "VIEWER", calling_aet="IDAS", tls=context).tls is None


def test_an_archive_is_a_destination_where_no_workstation_has_its_title(database: Database) -> None:
    settings = Settings(database)
    settings.add_archive(Archive(name="pacs", aet="PACS", address=Address("192.0.2.2", 104)))
    settings.add_archive(Archive(name="shelf", kind="folder", folder="/srv"))
    assert destination(settings, "PACS", calling_aet="IDAS").address == Address("192.0.2.2", 104)
    settings.add_workstation(Workstation(aet="PACS", address=Address("192.0.2.1", 104)))
    assert destination(settings, "PACS", calling_aet="IDAS").address == Address("192.0.2.1", 104)
    with pytest.raises(UnknownDestination):
        destination(settings, "", calling_aet="IDAS")
