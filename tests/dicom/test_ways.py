from __future__ import annotations

from idas_p2p.dicom.ways import FIRST_PAUSE, LONGEST_PAUSE, LOOK_AGAIN, MIN_SIZE, Way, Ways

ALL = (Way.WEB, Way.MOVE, Way.GET)
DICOM = (Way.MOVE, Way.GET)


def measured(ways: Ways, way: Way, *, rate: float) -> None:
    ways.worked(way, size=MIN_SIZE, seconds=MIN_SIZE / rate)


def test_dicomweb_goes_first_where_there_is_one() -> None:
    assert Ways(ALL).order(now=0.0) == [Way.WEB, Way.MOVE, Way.GET]
    assert Ways((Way.MOVE, Way.GET, Way.WEB)).order(now=0.0)[0] is Way.WEB


def test_what_the_operator_prefers_goes_first() -> None:
    ways = Ways(ALL, preferred=Way.GET)
    assert ways.order(now=0.0) == [Way.GET, Way.WEB, Way.MOVE]
    measured(ways, Way.MOVE, rate=1e8)
    measured(ways, Way.GET, rate=1e6)
    assert {ways.order(now=0.0)[0] for _ in range(2 * LOOK_AGAIN)} == {Way.GET}


def test_the_faster_of_two_measured_ways_goes_first() -> None:
    ways = Ways(DICOM)
    measured(ways, Way.MOVE, rate=5e7)
    assert ways.order(now=0.0)[0] is Way.MOVE
    measured(ways, Way.GET, rate=9e7)
    assert ways.order(now=0.0)[0] is Way.GET
    measured(ways, Way.GET, rate=1e6)
    assert ways.order(now=0.0)[0] is Way.MOVE


def test_the_other_way_is_tried_now_and_then() -> None:
    ways = Ways(DICOM)
    first = [ways.order(now=0.0)[0] for _ in range(2 * LOOK_AGAIN)]
    assert first.count(Way.GET) == 2
    assert first[LOOK_AGAIN - 1] is Way.GET


def test_single_instances_are_asked_for_as_the_study_was() -> None:
    ways = Ways(DICOM)
    for _ in range(LOOK_AGAIN - 1):
        ways.order(now=0.0)
    assert {ways.order(now=0.0, is_part=True)[0] for _ in range(2 * LOOK_AGAIN)} == {Way.MOVE}
    assert ways.order(now=0.0)[0] is Way.GET


def test_where_dicomweb_works_the_slower_ways_are_left_alone() -> None:
    ways = Ways(ALL)
    assert {ways.order(now=0.0)[0] for _ in range(3 * LOOK_AGAIN)} == {Way.WEB}


def test_a_way_that_failed_is_tried_last_for_a_while_and_longer_each_time() -> None:
    ways = Ways(ALL)
    ways.failed(Way.WEB, now=0.0)
    assert ways.order(now=FIRST_PAUSE - 1) == [Way.MOVE, Way.GET, Way.WEB]
    assert ways.order(now=FIRST_PAUSE)[0] is Way.WEB
    ways.failed(Way.WEB, now=100.0)
    assert ways.order(now=100.0 + 2 * FIRST_PAUSE - 1)[0] is Way.MOVE
    for _ in range(50):
        ways.failed(Way.WEB, now=1_000.0)
    assert ways.order(now=1_000.0 + LONGEST_PAUSE)[0] is Way.WEB


def test_a_way_that_works_again_is_forgiven() -> None:
    ways = Ways(ALL)
    ways.failed(Way.WEB, now=0.0)
    ways.worked(Way.WEB, size=10, seconds=1.0)
    assert ways.order(now=1.0)[0] is Way.WEB


def test_small_studies_and_slow_readers_tell_no_rate() -> None:
    ways = Ways(DICOM)
    measured(ways, Way.MOVE, rate=1e6)
    ways.worked(Way.GET, size=1_000, seconds=0.000001)
    ways.worked(Way.GET, size=MIN_SIZE, seconds=0.0)
    assert ways.order(now=0.0)[0] is Way.MOVE
