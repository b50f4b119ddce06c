"""The ladder of a dial: kinds of path to one node, raced a little apart, best first.

Belongs here: what a rung is, and the race between rungs. Not here: how one connects (dialer.py, relayed.py), nor the
order of a race (race.py). A rung has won when the node dialled has proved itself on it, so that a path that leads to
somebody else, or to nobody, costs nothing; only on the winner does the dialer introduce itself.
Source: docs/spec/transport.md section 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from idas_p2p.crypto.handshake import Initiator
from idas_p2p.errors import HandshakeFailed, IdasError, PeerUnreachable
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.race import race

OnFailed = Callable[[str, IdasError], None]


@dataclass(frozen=True, slots=True)
class Reached:
    """A connection whose other end is the node dialled."""

    connection: Connection
    initiator: Initiator

    def abort(self) -> None:
        """Drop it; nobody has learnt who dialled."""
        self.connection.abort()


Prove = Callable[[Connection], Awaitable[Reached]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One kind of path.

    Args:
        path: its name, as `Channel.path` shows it.
        reach: makes a connection, or several, and returns the first on which `prove` succeeds; `prove` ends a
            connection on which it fails. Raises IdasError when this kind of path is of no use.
        head_start: seconds until the next rung begins as well; it begins at once when this one fails.
        timeout: seconds for this rung.
    """

    path: str
    reach: Callable[[Prove], Awaitable[Reached]]
    head_start: float
    timeout: float


async def climb(rungs: Sequence[Rung], prove: Prove, *, on_failed: OnFailed) -> tuple[Rung, Reached]:
    """Return the first rung to reach the node.

    Args:
        rungs: best first.
        prove: has the other end of a connection prove who it is.
        on_failed: told of each rung that failed, or that was begun and had not reached the node when another had, or
            when the dial was ended.

    Raises:
        HandshakeFailed: somebody answered, who is not the node or has no time for us.
        PeerUnreachable: nobody answered.
    """
    begun: dict[str, Rung] = {}
    failed: dict[str, IdasError] = {}

    async def attempt(rung: Rung) -> tuple[Rung, Reached]:
        begun[rung.path] = rung
        try:
            async with asyncio.timeout(rung.timeout):
                return rung, await rung.reach(prove)
        except TimeoutError:
            error: IdasError = PeerUnreachable(f"no answer within {rung.timeout:g} seconds")
        except IdasError as failure:
            error = failure
        failed[rung.path] = error
        on_failed(rung.path, error)
        raise error

    try:
        won = await race(rungs, attempt, discard=lambda late: late[1].abort(), delay=lambda rung: rung.head_start)
    except ExceptionGroup as group:
        last = verdict(group)
        if len(failed) > 1 and not isinstance(last, HandshakeFailed):
            last = PeerUnreachable("; ".join(f"{path}: {error.detail}" for path, error in failed.items()))
        raise last from None
    except asyncio.CancelledError:
        for path in begun.keys() - failed.keys():
            on_failed(path, PeerUnreachable("no answer yet when the dial ended"))
        raise
    for path in begun.keys() - failed.keys() - {won[0].path}:
        on_failed(path, PeerUnreachable("no answer yet when another path had one"))
    return won


def verdict(group: ExceptionGroup) -> Exception:
    """The failure that tells most: a handshake that failed got further than a connection that did not come about."""
    if any(not isinstance(error, IdasError) for error in group.exceptions):
        return group
    failed = (error for error in group.exceptions if isinstance(error, HandshakeFailed))
    return next(failed, group.exceptions[0])
