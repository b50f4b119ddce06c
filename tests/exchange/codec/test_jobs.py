"""Jobs and outcomes keep their meaning on the way to a worker and back; a worker is not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.jobs import (
    Decode,
    Encode,
    EncodeHead,
    outcome_bytes,
    perform_all,
    read_jobs,
    read_outcomes,
)
from idas_p2p.exchange.codec.pieces import Coding, Way
from tests.exchange.codec.images import pieces, smooth

GRID = Grid(columns=80, sample_size=2)
PIECE = smooth(20, 80)
ENCODE = Encode(PIECE, GRID, (Way.PLANE,))


@given(pieces(), st.lists(st.sampled_from(Way), max_size=3), st.booleans(), st.binary(max_size=20))
def test_a_batch_of_jobs_is_read_as_it_was_written(
    drawn: tuple[bytes, Grid], ways: list[Way], known: bool, data: bytes
) -> None:
    piece, grid = drawn
    jobs = [Encode(piece, grid if known else None, tuple(ways)), Decode(4, 77, data), Encode(b"", None, ())]
    assert list(read_jobs(b"".join(job.to_bytes() for job in jobs))) == jobs


def test_outcomes_are_read_as_they_were_written() -> None:
    (coded,) = perform_all([ENCODE])
    jobs = [ENCODE, Decode(Coding.JPEG_LS, len(PIECE), coded.data), Decode(Coding.JPEG_LS, 7, b"nonsense")]  # type: ignore[union-attr]
    outcomes = perform_all(jobs)
    read = read_outcomes(b"".join(map(outcome_bytes, outcomes)), jobs)
    assert read[:2] == [coded, PIECE]
    assert isinstance(read[2], WireError)
    assert str(read[2]) == str(outcomes[2])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x01\x00",
        outcome_bytes(bytes(4)),
        outcome_bytes(bytes(5))[:-1],
        outcome_bytes(bytes(5)) + b"more",
        outcome_bytes(bytes(5)) * 2,
    ],
)
def test_an_answer_that_is_none_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match="worker"):
        read_outcomes(answer, [Decode(Coding.JPEG_LS, 5, b"")])


def test_only_jpeg_ls_is_heavy_work() -> None:
    assert ENCODE.is_heavy
    assert Decode(Coding.JPEG_LS_COLOURS, 1, b"").is_heavy
    assert not Encode(PIECE, GRID, (Way.BOTH,)).is_heavy
    assert not EncodeHead(PIECE, None).is_heavy
    assert not Decode(Coding.DIFFERENCES, 1, b"").is_heavy
