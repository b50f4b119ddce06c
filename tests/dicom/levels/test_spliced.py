from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.levels.spliced import Spliced


@given(st.integers(0, 20), st.none() | st.integers(0, 20))
def test_any_range_across_the_seams_reads_as_if_it_were_one(offset: int, length: int | None) -> None:
    blob = Spliced(b"head", MemoryBlob(b"..pixels.."), 2, 6, b"tail")
    whole = b"headpixelstail"
    assert blob.size == len(whole)
    assert blob.read(offset, length) == (whole[offset:] if length is None else whole[offset : offset + length])
