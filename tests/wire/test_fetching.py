"""The messages of an image link; their round trips and vectors are in test_messages.py."""

from __future__ import annotations

import pytest

from idas_p2p.errors import WireError
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.fetching import Mode, Priority, Taken, Want, Wanted, instance_mark
from idas_p2p.wire.messages import decode_message, encode_message


@pytest.mark.parametrize(("field", "value"), [("mode", len(Mode)), ("priority", len(Priority)), ("mode", -1)])
def test_a_request_of_an_unknown_mode_or_priority_is_refused(field: str, value: int) -> None:
    fields = {"user": "", "ticket": ["full", 9, bytes(16)], "study": "1.2", "series": [], "instances": []}
    fields |= {"mode": 0, "priority": 1, field: value}
    with pytest.raises(WireError, match=field):
        decode_message(b"\x20" + pack(list(fields.values())))


def test_what_is_wanted_and_taken_names_at_least_one_and_at_most_256() -> None:
    for count in (0, 257):
        with pytest.raises(WireError):
            decode_message(encode_message(Want(instances=(Wanted(sop_instance_uid="1", start=0),) * count)))
        with pytest.raises(WireError):
            decode_message(encode_message(Taken(sop_instance_uids=("1",) * count)))


def test_messages_that_name_images_do_not_print_them() -> None:
    assert "1.2.3" not in repr(Want(instances=(Wanted(sop_instance_uid="1.2.3", start=0),)))


def test_an_instance_mark_is_eight_bytes_that_depend_on_the_uid() -> None:
    assert len(instance_mark("1.2")) == 8
    assert instance_mark("1.2") != instance_mark("1.3")
