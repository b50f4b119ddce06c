"""The digest of a data set is BLAKE3, however its bytes come."""

from __future__ import annotations

from itertools import pairwise

import pytest

from idas_p2p.crypto.digest import DIGEST_SIZE, data_digest, data_hasher

COUNTING = bytes(n % 251 for n in range(1_024))  # the input of BLAKE3's own test vectors, github.com/BLAKE3-team/BLAKE3


@pytest.mark.parametrize(
    ("size", "digest"),
    [
        (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (1_024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
    ],
)
def test_it_is_blake3_as_published(size: int, digest: str) -> None:
    assert data_digest(COUNTING[:size]).hex() == digest


def test_pieces_have_the_digest_of_the_whole_and_each_beginning_its_own() -> None:
    data, hasher = COUNTING * 1_000, data_hasher()
    ends = [0, 2_048, 530_001, len(data)]
    for begin, end in pairwise(ends):
        hasher.update(data[begin:end])
        assert hasher.digest() == data_digest(data[:end])
        assert len(hasher.digest()) == DIGEST_SIZE


def test_a_copy_goes_on_by_itself() -> None:
    hasher = data_hasher()
    hasher.update(b"one")
    other = hasher.copy()
    other.update(b" and two")
    assert hasher.digest() == data_digest(b"one")
    assert other.digest() == data_digest(b"one and two")
