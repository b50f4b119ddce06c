"""What goes wrong elsewhere: nothing half-delivered counts, the right status comes, and the node goes on serving."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.idas import Node
from tools.images import Encoded, StudyFiles, write_ultrasound
from tools.programs import wait_until
from tools.region import Region, wait_for_study
from tools.workstation import SUCCESS, Response, Workstation

SLICES = 160  # 78 MB: long enough to be interrupted in the middle
ABORTED = -1  # the association ended before a final response


@dataclass(slots=True)
class Pair:
    """Anna holds a study in her embedded archive; Berg has a workstation."""

    region: Region
    anna: Node
    berg: Node
    study: StudyFiles
    expected: dict[str, Encoded]
    station: Workstation

    def move(self) -> Response:
        """C-MOVE the study to the workstation; the final response."""
        return self.station.move({"StudyInstanceUID": self.study.study_uid})[-1]

    def assert_truthful(self, last: Response) -> None:
        """What is counted as delivered was delivered, unchanged; a failure is not called a success."""
        assert self.station.received.items() <= self.expected.items()
        if last.status == SUCCESS:
            assert self.station.received == self.expected
        if last.completed is not None:
            assert last.completed <= len(self.station.received)

    def assert_complete_at_last(self) -> None:
        """The study can be had again, whole."""
        self.station.on_image = lambda count: SUCCESS
        wait_until(lambda: self.try_find() == SUCCESS, timeout=60, what="the study is found again")
        self.station.forget()
        last = self.move()
        assert (last.status, last.completed, last.failed) == (SUCCESS, len(self.expected), 0)
        assert self.station.received == self.expected

    def try_find(self) -> int:
        """SUCCESS when the study is found."""
        responses = self.station.find({"StudyInstanceUID": self.study.study_uid})
        return responses[-1].status if len(responses) == 2 else ABORTED


@contextmanager
def pair(folder: Path, *, slices: int = SLICES) -> Iterator[Pair]:
    study = write_ultrasound(folder / "images", slices=slices)
    with Region(folder / "region") as region:
        anna, berg = region.node("anna"), region.node("berg")
        scanner = Workstation("SCANNER", anna.dicom_port, anna.aet)
        anna.do("workstation add", "--aet", scanner.aet, "--address", f"{scanner.host}:{scanner.port}")
        assert set(scanner.store(study.files)) == {SUCCESS}
        with Workstation("STATION", berg.dicom_port, berg.aet) as station:
            berg.do("workstation add", "--aet", station.aet, "--address", f"{station.host}:{station.port}")
            wait_for_study(berg, study.study_uid)
            yield Pair(region, anna, berg, study, study.encoded(), station)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Pair]:
    with pair(tmp_path) as made:
        yield made


def when_image(here: Pair, number: int, act: Callable[[], object]) -> None:
    """Let `act` happen as soon as so many images have reached the workstation."""

    def on_image(count: int) -> int:
        if count == number:
            act()
        return SUCCESS

    here.station.on_image = on_image


def test_a_holder_that_crashes_and_is_started_again_goes_on_where_it_stopped(here: Pair) -> None:
    def restart() -> None:
        here.anna.kill()
        here.anna.start()

    when_image(here, 2, restart)
    last = here.move()
    assert (last.status, last.completed, last.failed) == (SUCCESS, len(here.expected), 0)
    assert here.station.received == here.expected


@pytest.mark.slow
def test_a_holder_killed_in_the_middle_costs_only_what_it_had_not_sent(here: Pair) -> None:
    when_image(here, 2, here.anna.kill)
    last = here.move()
    assert last.status != SUCCESS
    assert last.failed
    here.assert_truthful(last)
    assert here.station.echo() == SUCCESS
    here.anna.start()
    here.assert_complete_at_last()


def test_a_requester_killed_in_the_middle_resumes_where_it_stopped(here: Pair) -> None:
    when_image(here, SLICES * 2 // 3, here.berg.kill)
    responses = here.station.move({"StudyInstanceUID": here.study.study_uid})
    assert not responses or responses[-1].status != SUCCESS
    here.berg.start()
    here.assert_complete_at_last()
    second, first = here.anna.ask("transfers")["transfers"]
    assert second["wire_bytes"] < first["wire_bytes"], "what was there already is not sent again"


def test_sigterm_at_the_holder_ends_it_cleanly_and_leaves_the_study_retrievable(here: Pair) -> None:
    when_image(here, 2, lambda: here.anna.program.signal(signal.SIGTERM))
    here.assert_truthful(here.move())
    assert here.anna.program.wait(timeout=30) == 0
    here.anna.start()
    here.assert_complete_at_last()


def test_sigterm_at_the_requester_ends_it_cleanly_and_leaves_the_study_retrievable(here: Pair) -> None:
    when_image(here, 2, lambda: here.berg.program.signal(signal.SIGTERM))
    responses = here.station.move({"StudyInstanceUID": here.study.study_uid})
    if responses:
        here.assert_truthful(responses[-1])
    assert here.berg.program.wait(timeout=30) == 0
    here.berg.start()
    here.assert_complete_at_last()


def test_a_holder_that_is_gone_before_the_transfer_is_a_failure_with_a_reason(here: Pair) -> None:
    here.anna.kill()
    last = here.move()
    assert last.status >> 12 in (0xA, 0xC)
    assert last.error_comment
    assert here.station.received == {}
    assert here.station.echo() == SUCCESS
    here.anna.start()
    here.assert_complete_at_last()


def test_a_workstation_that_vanishes_in_the_middle_leaves_the_node_serving(here: Pair) -> None:
    with Workstation("FLEETING", here.berg.dicom_port, here.berg.aet) as fleeting:
        here.berg.do("workstation add", "--aet", "FLEETING", "--address", f"{fleeting.host}:{fleeting.port}")

        def vanish(count: int) -> int:
            if count == 2:
                for association in fleeting._server.active_associations:
                    association.abort()
            return SUCCESS

        fleeting.on_image = vanish
        last = here.station.move({"StudyInstanceUID": here.study.study_uid}, to="FLEETING")[-1]
    assert last.status != SUCCESS
    here.assert_complete_at_last()


def test_without_its_bootstrap_node_the_federation_goes_on_and_takes_members_once_it_is_back(here: Pair) -> None:
    assert here.region.bootstrap.stop() == 0
    here.assert_complete_at_last()
    here.berg.stop()
    here.berg.start()
    here.assert_complete_at_last()
    here.region.bootstrap.start()
    carl = here.region.node("carl")
    wait_for_study(carl, here.study.study_uid)


def test_a_removed_member_neither_finds_nor_retrieves(here: Pair, tmp_path: Path) -> None:
    here.anna.do("federation remove", "Berg")
    wait_until(lambda: here.try_find() != SUCCESS, timeout=60, what="the removed member finds nothing")
    last = here.move()
    assert last.status != SUCCESS
    assert here.station.received == {}


def test_a_revoked_grant_hides_the_study_as_if_it_did_not_exist(here: Pair) -> None:
    here.anna.do("revoke", "1")
    assert here.try_find() != SUCCESS
    assert here.move().status != SUCCESS
    assert here.station.received == {}
    here.anna.do("grant", "--to", "node:Berg", "--level", "full")
    here.assert_complete_at_last()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_at_the_requester_is_a_failure_until_there_is_room(tmp_path: Path) -> None:
    with pair(tmp_path) as here:
        here.berg.stop()
        spool = here.berg.folder / "spool"
        spool.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(spool)], check=True)
        try:
            here.berg.start()
            last = here.move()
            here.assert_truthful(last)
            assert here.station.echo() == SUCCESS
            assert last.status == SUCCESS or last.error_comment or last.failed
        finally:
            here.berg.stop()
            subprocess.run(["umount", str(spool)], check=True)
        here.berg.start()
        here.assert_complete_at_last()
