import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import build_context, evt
from pynetdicom.dimse_primitives import C_FIND

from idas_p2p.dicom.dialogue import Dialogue, Interrupted, Stop
from idas_p2p.dicom.identifiers import dataset_of
from idas_p2p.dicom.requests import FIND
from idas_p2p.errors import ArchiveFailed
from tests.dicom.archives import remote, serving

QUERY = dataset_of({"QueryRetrieveLevel": "STUDY"})


class SilentArchive:
    """Answers a query only when told to, and knows whether it was cancelled."""

    def __init__(self) -> None:
        self.asked, self.go_on, self.cancelled = threading.Event(), threading.Event(), threading.Event()

    def find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        self.asked.set()
        while not self.go_on.wait(0.01):
            if event.is_cancelled:
                self.cancelled.set()
                yield 0xFE00, None
                return
        yield 0xFF00, QUERY


@pytest.fixture
def silent() -> Iterator[SilentArchive]:
    archive = SilentArchive()
    yield archive
    archive.go_on.set()


def test_another_thread_ends_a_wait_and_the_archive_is_told(silent: SilentArchive) -> None:
    stop = Stop()
    with serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, silent.find)]) as port:
        with Dialogue(remote("PACS", port), [build_context(FIND)], stop=stop) as dialogue:
            waker = threading.Thread(target=lambda: (silent.asked.wait(5.0), stop.stop()))
            waker.start()
            started = time.monotonic()
            with pytest.raises(Interrupted):
                list(dialogue.ask(C_FIND(), FIND, QUERY))
            waker.join()
        assert silent.cancelled.wait(5.0)
        assert time.monotonic() - started < 5.0


def test_a_dialogue_stopped_before_it_began_ends_at_once(silent: SilentArchive) -> None:
    stop = Stop()
    stop.stop()
    with (
        serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, silent.find)]) as port,
        Dialogue(remote("PACS", port), [build_context(FIND)], stop=stop) as dialogue,
        pytest.raises(Interrupted),
    ):
        list(dialogue.ask(C_FIND(), FIND, QUERY))


def test_the_association_serves_one_request_after_another() -> None:
    def find(event: Any) -> Iterator[tuple[int, Dataset]]:
        yield 0xFF00, QUERY

    with (
        serving("PACS", [(FIND, None)], [(evt.EVT_C_FIND, find)]) as port,
        Dialogue(remote("PACS", port), [build_context(FIND)]) as dialogue,
    ):
        statuses = [[message.Status for message in dialogue.ask(C_FIND(), FIND, QUERY)] for _ in range(3)]
    assert statuses == [[0xFF00, 0x0000]] * 3


def test_a_service_that_was_not_agreed_on_is_a_failure() -> None:
    with (
        serving("PACS", [(FIND, None)], []) as port,
        Dialogue(remote("PACS", port), [build_context(FIND)]) as dialogue,
        pytest.raises(ArchiveFailed, match="does not offer this service"),
    ):
        dialogue.syntax_of_model("1.2.3")
