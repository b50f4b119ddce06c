"""Every kind of record has its coded values."""

from __future__ import annotations

from idas_p2p.access.audit import codes, events
from idas_p2p.wire.audit import Kind


def test_every_kind_has_an_event_id_and_an_action() -> None:
    assert set(codes.EVENTS) == set(codes.ACTIONS) == set(Kind)
    assert len({code.value for code in codes.EVENTS.values()}) == len(Kind)


def test_every_event_type_that_is_used_has_its_meaning() -> None:
    used = {
        value for name, value in vars(events).items() if name.isupper() and isinstance(value, int) and value > 99_999
    }
    assert used <= set(codes.EVENT_TYPES)
    assert len(used) > 8
