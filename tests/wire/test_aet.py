import pytest

from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.aet import check_aet, is_aet


@pytest.mark.parametrize("title", ["A", "PACS_1", "sixteen_letters_", "WITH SPACE"])
def test_these_are_application_entity_titles(title: str) -> None:
    assert is_aet(title)
    check_aet(title)


@pytest.mark.parametrize("title", ["", " PACS", "PACS ", "seventeen_letters", "BACK\\SLASH", "TAB\t", "ÜMLAUT"])
def test_these_are_no_application_entity_titles(title: str) -> None:
    assert not is_aet(title)
    with pytest.raises(BadConfiguration):
        check_aet(title)
