import pytest

from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.address import Address

HERE = Address("127.0.0.1", 104)


@pytest.mark.parametrize("title", ["", "seventeen_letters"])
def test_both_titles_of_a_remote_entity_must_be_titles(title: str) -> None:
    with pytest.raises(BadConfiguration):
        RemoteAE(aet=title, address=HERE, calling_aet="IDAS")
    with pytest.raises(BadConfiguration):
        RemoteAE(aet="PACS", address=HERE, calling_aet=title)
