"""The digests of a data set that its holder announces: of all of it, and of its beginning up to each chunk's end.

Law: one pass over the bytes makes all of them; of the last chunk, none where somebody has digested all before.
Belongs here: making them. Not here: checking (the spool's writer).
Source: docs/spec/exchange.md section 5.6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from idas_p2p.blob import Blob, MemoryBlob, view
from idas_p2p.crypto.digest import data_hasher
from idas_p2p.wire.fetching import PREFIX_SIZE

LONGEST_HOLD: Final = 524_288  # bytes digested before others get their turn; ours: a tenth of a millisecond


@dataclass(frozen=True, slots=True)
class Digests:
    """Of one data set."""

    whole: bytes  # 32 bytes; BLAKE3
    prefixes: Mapping[int, bytes]  # by the number of bytes digested: the first PREFIX_SIZE bytes of BLAKE3


async def digests_of(data: Blob, cuts: Iterable[tuple[int, int]]) -> Digests:
    """Read a data set once.

    Args:
        data: the data set.
        cuts: offset and size of each chunk, without gaps.

    Raises:
        OSError: it cannot be read, or has become shorter.
    """
    running, known = data_hasher(), data.digest if isinstance(data, MemoryBlob) else b""
    prefixes, held = dict[int, bytes](), 0
    for offset, size in cuts:
        if known and offset + size == data.size:
            prefixes[data.size] = known[:PREFIX_SIZE]
            break
        piece = view(data, offset, size)
        if len(piece) != size:
            raise OSError("a data set ended early")
        running.update(piece)
        prefixes[offset + size] = running.digest()[:PREFIX_SIZE]
        held += size
        if held >= LONGEST_HOLD:
            held = 0
            await asyncio.sleep(0)  # a large instance must not stop the node
    await asyncio.sleep(0)  # nor many small ones
    return Digests(known or running.digest(), prefixes)
