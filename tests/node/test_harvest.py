from idas_p2p.node.harvest import pause_after
from idas_p2p.store.settings import Archive
from idas_p2p.wire.address import Address


def test_a_folder_is_watched_as_closely_as_looking_at_it_is_cheap() -> None:
    folder = Archive(name="disk", kind="folder", folder="/images", poll_seconds=60.0)
    assert pause_after(folder, 0.001) == 2.0
    assert pause_after(folder, 1.0) == 20.0
    assert pause_after(folder, 30.0) == 60.0


def test_an_archive_is_asked_again_after_its_poll_interval() -> None:
    pacs = Archive(name="pacs", aet="PACS", address=Address("127.0.0.1", 104), poll_seconds=60.0)
    assert pause_after(pacs, 0.001) == 60.0
