import pytest

from idas_p2p.dicom.remote import RemoteAE, is_aet
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.address import Address

HERE = Address("127.0.0.1", 104)


@pytest.mark.parametrize("title", ["A", "PACS_1", "sixteen_letters_", "WITH SPACE"])
def test_these_are_application_entity_titles(title: str) -> None:
    assert is_aet(title)


@pytest.mark.parametrize("title", ["", " PACS", "PACS ", "seventeen_letters", "BACK\\SLASH", "TAB\t", "ÜMLAUT"])
def test_these_are_no_application_entity_titles(title: str) -> None:
    assert not is_aet(title)
    with pytest.raises(BadConfiguration):
        RemoteAE(aet=title, address=HERE, calling_aet="IDAS")
    with pytest.raises(BadConfiguration):
        RemoteAE(aet="PACS", address=HERE, calling_aet=title)
