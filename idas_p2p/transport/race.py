"""Try several ways, a little apart, and keep the first that works.

Belongs here: the order and the race. Not here: what is tried (dialer.py).
Source: RFC 8305 (happy eyeballs, version 2) sections 4 and 5.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar

from idas_p2p.errors import IdasError
from idas_p2p.wire.address import Address

ATTEMPT_DELAY: Final = 0.25  # seconds; RFC 8305 section 5

C = TypeVar("C")
T = TypeVar("T")


def interleave(addresses: Iterable[Address]) -> list[Address]:
    """Alternate IPv6 and the rest, IPv6 first, each in its given order and once; RFC 8305 section 4."""
    unique = list(dict.fromkeys(addresses))
    first = [address for address in unique if _is_ipv6(address)]
    second = [address for address in unique if not _is_ipv6(address)]
    both = min(len(first), len(second))
    pairs = [address for pair in zip(first, second, strict=False) for address in pair]
    return pairs + first[both:] + second[both:]


async def race(
    candidates: Sequence[C],
    attempt: Callable[[C], Awaitable[T]],
    *,
    discard: Callable[[T], None],
    delay: Callable[[C], float] = lambda _: ATTEMPT_DELAY,
) -> T:
    """Return the first success; the next candidate begins `delay` seconds after the last, or once one has failed.

    Args:
        candidates: best first.
        attempt: raises IdasError when the candidate is of no use.
        discard: ends a success that came too late.
        delay: seconds that a candidate has until the next begins.

    Raises:
        ExceptionGroup: the IdasError of every attempt.
    """
    failures: list[IdasError] = []
    successes: list[T] = []
    progress = asyncio.Event()

    async def run(candidate: C) -> None:
        try:
            successes.append(await attempt(candidate))
        except IdasError as error:
            failures.append(error)
        progress.set()

    try:
        async with asyncio.TaskGroup() as group:
            tasks: list[asyncio.Task[None]] = []
            for candidate in candidates:
                progress.clear()
                tasks.append(group.create_task(run(candidate)))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(progress.wait(), delay(candidate))
                if successes:
                    break
            while not successes and len(failures) < len(tasks):
                progress.clear()
                await progress.wait()
            for task in tasks:
                task.cancel()
    except BaseException:
        for success in successes:
            discard(success)
        raise
    for late in successes[1:]:
        discard(late)
    if successes:
        return successes[0]
    raise ExceptionGroup("every attempt failed", failures or [IdasError("no candidate")])


def _is_ipv6(address: Address) -> bool:
    return address.is_ip and ipaddress.ip_address(address.host).version == 6
