"""The digests of a data set, made in one pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.exchange.coding import cuts
from idas_p2p.exchange.digests import digests_of
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.limits import CHUNK_SIZE
from tests.exchange.ends import digest_of

DATA = bytes(range(256)) * 10_000


@pytest.mark.parametrize("layout", [None, PixelLayout(1_000, 2_000_000)])
async def test_each_digest_is_of_everything_up_to_its_chunks_end(layout: PixelLayout | None) -> None:
    digests = await digests_of(MemoryBlob(DATA), cuts(len(DATA), layout))
    assert digests.whole == digest_of(DATA)
    assert max(digests.prefixes) == len(DATA)
    assert {end: digest_of(DATA[:end])[:16] for end in digests.prefixes} == digests.prefixes


async def test_chunks_from_any_start_end_where_there_are_digests() -> None:
    layout = PixelLayout(1_000, 2_000_000)
    digests = await digests_of(MemoryBlob(DATA), cuts(len(DATA), layout))
    for start in (1, 999, 1_000, 1_001, CHUNK_SIZE, len(DATA) - 1):
        ends = [offset + size for offset, size in cuts(len(DATA), layout, start=start)]
        assert digests.prefixes.keys() >= set(ends)
        assert ends[-1] == len(DATA)


@pytest.mark.parametrize("layout", [None, PixelLayout(1_000, 2_000_000), PixelLayout(1_000, len(DATA) - 1_000)])
async def test_what_was_digested_before_has_the_same_digests(layout: PixelLayout | None) -> None:
    made = list(cuts(len(DATA), layout))
    assert await digests_of(MemoryBlob(DATA, digest_of(DATA)), made) == await digests_of(MemoryBlob(DATA), made)


async def test_an_empty_data_set_has_no_chunk() -> None:
    digests = await digests_of(MemoryBlob(b""), cuts(0, None))
    assert (digests.whole, digests.prefixes) == (digest_of(b""), {})


async def test_a_data_set_that_became_shorter_is_not_digested() -> None:
    class Shorter(MemoryBlob):
        size = len(DATA) + 5  # type: ignore[assignment]

    def one_cut() -> Iterator[tuple[int, int]]:
        yield 0, len(DATA) + 5

    with pytest.raises(OSError, match="early"):
        await digests_of(Shorter(DATA), one_cut())
