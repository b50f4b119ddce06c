"""The holder's side of a fetch: one checked request, then the study's instances as the archive gives them.

Law: an instance is sent or listed once, and only one that was asked for; one that cannot be read or named costs only
itself. Belongs here: what the archive gives, to what the requester is told. Not here: the messages (outgoing.py),
instances that are sent when wanted (listing.py). Source: docs/spec/exchange.md section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

from idas_p2p.access.subjects import Requester
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import IdasError, LocalError
from idas_p2p.events import log_failure
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.given import Given
from idas_p2p.exchange.interfaces import Channel, StudySource
from idas_p2p.exchange.listing import send_listed
from idas_p2p.exchange.outgoing import SEND_PATIENCE, LayoutReader, Outgoing, TakesTurn
from idas_p2p.wire.fetching import FetchEnd, FetchRequest, Mode
from idas_p2p.wire.instance import Selection
from idas_p2p.wire.messages import encode_message


async def send_study(
    channel: Channel,
    request: FetchRequest,
    *,
    identity: SigningKey,
    requester: Requester,
    source: StudySource,
    still_allowed: Callable[[], bool],
    layout_of: LayoutReader,
    patience: float = SEND_PATIENCE,
    coders: Coders | None = None,
    clock: Clock | None = None,
    turn: TakesTurn | None = None,
) -> None:
    """Send what was asked for; returns when all is sent or the refusal is.

    Args:
        channel: the image link, its request already read.
        request: whose ticket was checked.
        identity: ours.
        requester: who asks, proved.
        source: gives the instances.
        still_allowed: asked before each message; False ends the transfer at once.
        layout_of: how to cut each instance.
        patience: seconds that the requester may take nothing, or say nothing.
        coders: code the chunks; in place when there are none.
        clock: the time; the machine's own when there is none.
        turn: this transfer's part in the uplink; no waiting for others when there is none.

    Raises:
        ChannelClosed: the requester went away, or takes nothing.
        WireError: it broke the protocol.
    """
    selection = Selection(
        study_uid=request.study_uid, series_uids=request.series_uids, sop_instance_uids=request.sop_instance_uids
    )
    outgoing = Outgoing(
        channel,
        identity,
        study_uid=request.study_uid,
        still_allowed=still_allowed,
        layout_of=layout_of,
        patience=patience,
        coders=coders,
        clock=clock,
        turn=turn,
    )
    async with outgoing.outbox as outbox:
        error: Exception | None = None
        try:
            if request.mode == Mode.LISTED:
                async with source.open_listed(requester, selection) as lease:
                    await send_listed(channel, outgoing, lease, selection)
            else:
                await _send_all(outgoing, source, requester, selection)
        except Exception as caught:  # told to the requester, after all that was ready to be sent
            error = caught
        await outbox.settle()
        await outgoing.end(_code(error or outbox.error, channel))


def _code(error: Exception | None, channel: Channel) -> str:
    """What the requester is told; a bug or a broken disk costs this transfer only."""
    if error is None or isinstance(error, IdasError):
        return "" if error is None else error.code
    log_failure("send_failed", error, peer=channel.peer.short)
    return LocalError.code


async def refuse(channel: Channel, code: str) -> None:
    """End an image link with an error's code and nothing else."""
    await channel.send(encode_message(FetchEnd(code=code)))


async def _send_all(outgoing: Outgoing, source: StudySource, requester: Requester, selection: Selection) -> None:
    given = Given(outgoing, selection, outgoing.send_whole)
    async with aclosing(source.open_study(requester, selection)) as events:  # type: ignore[type-var]
        async for event in events:
            await given.take(event)
    await given.finish()
