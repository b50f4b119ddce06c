from __future__ import annotations

from idas_p2p.node.permits import RECHECK_INTERVAL, Permit
from tests.directory.network import ManualClock


def test_a_permit_is_asked_for_again_when_the_policy_changed_or_a_second_went_by(clock: ManualClock) -> None:
    answers, version = [True], [1]
    asked = list[bool]()

    def ask() -> bool:
        asked.append(answers[0])
        return answers[0]

    permit = Permit(ask, version=lambda: version[0], clock=clock)
    assert [permit(), permit()] == [True, True]
    assert len(asked) == 1
    answers[0] = False
    assert permit()
    clock.advance(RECHECK_INTERVAL)
    assert not permit()
    answers[0] = True
    assert not permit()
    version[0] = 2
    assert permit()
