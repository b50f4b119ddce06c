"""Reads ahead: a source runs in its own task while its reader is still busy with earlier items, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from idas_p2p.tasks import TaskOwner

T = TypeVar("T")


async def prefetch(source: AsyncIterator[T], *, ahead: int) -> AsyncIterator[T]:
    """Yield what `source` yields, up to `ahead` items taken before they are asked for; its error comes last.

    The source is closed when this iterator is.
    """
    items: asyncio.Queue[T | BaseException | None] = asyncio.Queue(maxsize=max(1, ahead))
    tasks = TaskOwner(limit=1)

    async def pump() -> None:
        last: BaseException | None = None
        try:
            async for item in source:
                await items.put(item)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # handed to the reader, who knows what it means
            last = error
        finally:
            await source.aclose()  # type: ignore[attr-defined]
        await items.put(last)

    tasks.start("prefetch", pump())
    try:
        while (item := await items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        await tasks.stop()
