"""A record is believed when both keys signed it and its time has not passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.records import Refusal, check_record, sign_record
from idas_p2p.limits import MAX_CLOCK_SKEW, RECORD_LIFETIME
from idas_p2p.wire.records import Record

LOCATION, WRITER, OTHER = SigningKey(b"l" * 32), SigningKey(b"w" * 32), SigningKey(b"o" * 32)
NOW = 1_700_000_000.0


def record(*, lifetime: float = 3_600.0) -> Record:
    return sign_record(LOCATION, WRITER, b"payload", now=NOW, lifetime=lifetime)


def test_a_fresh_record_is_believed() -> None:
    assert check_record(record(), now=NOW) is None
    assert check_record(Record.from_bytes(record().to_bytes()), now=NOW) is None


def test_a_later_record_has_a_higher_sequence() -> None:
    later = sign_record(LOCATION, WRITER, b"payload", now=NOW + 0.002)
    assert later.sequence > record().sequence


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("payload", b"other"),
        ("sequence", 2**63),
        ("expires", int(NOW) + 3_601),
        ("location", OTHER.public),
        ("writer", OTHER.public),
        ("location_signature", bytes(64)),
        ("writer_signature", bytes(64)),
    ],
)
def test_a_changed_field_breaks_the_signatures(field: str, value: object) -> None:
    assert check_record(replace(record(), **{field: value}), now=NOW) is Refusal.BAD_SIGNATURE


def test_whoever_lacks_the_location_key_cannot_write_there() -> None:
    theirs = sign_record(OTHER, WRITER, b"payload", now=NOW)
    assert check_record(replace(theirs, location=LOCATION.public), now=NOW) is Refusal.BAD_SIGNATURE


def test_whoever_lacks_the_writer_key_cannot_take_its_slot() -> None:
    theirs = sign_record(LOCATION, OTHER, b"payload", now=NOW)
    assert check_record(replace(theirs, writer=WRITER.public), now=NOW) is Refusal.BAD_SIGNATURE


def test_a_record_expires_once_the_tolerated_skew_has_passed() -> None:
    end = NOW + 3_600.0 + MAX_CLOCK_SKEW
    assert check_record(record(), now=end - 1) is None
    assert check_record(record(), now=end) is Refusal.EXPIRED


def test_a_record_that_would_live_too_long_is_refused() -> None:
    assert check_record(record(lifetime=RECORD_LIFETIME + MAX_CLOCK_SKEW), now=NOW) is None
    too_long = record(lifetime=RECORD_LIFETIME + MAX_CLOCK_SKEW + 1)
    assert check_record(too_long, now=NOW) is Refusal.TOO_LONG_LIVED


def test_a_key_that_is_no_point_of_the_curve_is_refused_not_raised() -> None:
    assert check_record(replace(record(), writer=b"\x02" + bytes(31)), now=NOW) is Refusal.BAD_SIGNATURE
