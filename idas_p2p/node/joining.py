"""The conversation by which a node becomes a member, over a channel that proved an invitation on both sides.

    joining node: JoinRequest        inviting node: ManifestOffer, or RequestEnd with why not

Belongs here: both ends of it. Not here: finding one another (invitations.py), the roster (access/federation.py).
Source: docs/spec/federation.md section 3.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from idas_p2p.access.federation import Federation
from idas_p2p.errors import AwaitingApproval, BadCode, ChannelClosed, IdasError, PeerUnreachable, WireError
from idas_p2p.events import log_event
from idas_p2p.exchange.interfaces import Channel
from idas_p2p.wire.federation import Manifest
from idas_p2p.wire.messages import JoinRequest, ManifestOffer, RequestEnd, decode_message, encode_message

STEP_TIMEOUT: Final = 20.0  # seconds for each message of joining; ours


async def ask_to_join(channel: Channel, institution: str, *, timeout: float = STEP_TIMEOUT) -> Manifest:
    """Ask the inviting node to admit us; the channel is closed at the end.

    Args:
        channel: a joining channel to the inviting node.
        institution: how we call ourselves.
        timeout: seconds for the answer.

    Returns:
        The manifest it offers, not yet checked.

    Raises:
        BadCode: it refused.
        AwaitingApproval: its administrator has to approve us first.
        PeerUnreachable, ChannelClosed: it did not answer.
        WireError: it broke the protocol.
    """
    try:
        await channel.send(encode_message(JoinRequest(institution=institution)))
        async with asyncio.timeout(timeout):
            answer = decode_message(await channel.receive())
    except TimeoutError:
        raise PeerUnreachable("the inviting node did not answer the request to join") from None
    finally:
        await channel.close()
    if isinstance(answer, ManifestOffer):
        return Manifest.from_bytes(answer.manifest)
    if isinstance(answer, RequestEnd):
        if answer.code == AwaitingApproval.code:
            raise AwaitingApproval
        raise BadCode(
            "the inviting node refused: the code is used up or revoked, the institution's name is taken, or its "
            "administrator said no"
        )
    raise WireError("not an answer to a request to join")


async def answer_join(
    channel: Channel, federation: Federation, *, now: float, timeout: float = STEP_TIMEOUT
) -> Manifest | None:
    """Admit the node at the other end, whose handshake proved an invitation.

    Args:
        channel: a joining channel it opened.
        federation: ours.
        now: Unix seconds.
        timeout: seconds for its request, and for it to take the answer.

    Returns:
        The manifest that names it; None when it was refused.

    Raises:
        ChannelClosed: it went away or said nothing.
        WireError: it broke the protocol.
    """
    try:
        async with asyncio.timeout(timeout):
            request = decode_message(await channel.receive())
    except TimeoutError:
        raise ChannelClosed("no request to join came") from None
    if not isinstance(request, JoinRequest):
        raise WireError("a joining link begins with a JoinRequest")
    try:
        manifest = federation.admit(channel.peer, request.institution, proved=channel.psk_id, now=now)
    except IdasError as error:
        log_event("join_refused", peer=channel.peer.short, reason=error.code)
        await channel.send(encode_message(RequestEnd(number=0, code=error.code)))
        return None
    log_event("member_admitted", peer=channel.peer.short, epoch=manifest.epoch)
    with suppress(ChannelClosed, TimeoutError):  # it is a member now, whether or not it reads the answer
        async with asyncio.timeout(timeout):
            await channel.send(encode_message(ManifestOffer(number=0, manifest=manifest.to_bytes())))
            await channel.receive()  # ends with ChannelClosed when the joining node has read it
    return manifest
