"""Signing in from the workstation itself, over the node's encrypted channel: `idas login --node`.

Law: only the machine at the workstation's own address may sign somebody in there, and that is looked at before the
password is; guesses cost waiting as everywhere (passwords.py). Belongs here: one conversation, both ends of it. Not
here: sessions (sign_in_commands.py), who may open such a channel (doors.py). Source: docs/spec/access.md section 7.
"""

from __future__ import annotations

import asyncio
from typing import Final

from idas_p2p.access.admission import psk_id
from idas_p2p.access.audit.events import Device, Note
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.dicom.services import Caller
from idas_p2p.errors import BadConfiguration, IdasError, PeerUnreachable, SignInRefused, UnknownCaller, WireError
from idas_p2p.events import log_event
from idas_p2p.exchange.codes import error_of
from idas_p2p.node.doors import sign_in_psk
from idas_p2p.node.refusals import Refusals
from idas_p2p.node.sign_in_commands import SignInDesk
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Contact
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.messages import RequestEnd, decode_message, encode_message
from idas_p2p.wire.outside import SignedIn, SignInWanted

REQUEST_TIMEOUT: Final = 15.0  # seconds for the one message of whoever signs in; ours
ANSWER_TIMEOUT: Final = 30.0  # seconds for the answer: a password takes half a second, and others may come first; ours
DIAL_TIMEOUT: Final = 10.0  # seconds to reach the node; ours


class SignInServer:
    """Serves channels of purpose sign-in.

    Args:
        desk: opens and ends sessions.
        note: of the audit log.
        clock: the time.
    """

    def __init__(self, desk: SignInDesk, *, note: Note, clock: Clock) -> None:
        self._desk, self._refusals = desk, Refusals(note, clock)

    async def serve(self, channel: Channel) -> None:
        """Answer one request.

        Raises:
            ChannelClosed: the peer hung up.
            WireError: it broke the protocol.
        """
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                wanted = decode_message(await channel.receive())
        except TimeoutError:
            return
        if not isinstance(wanted, SignInWanted):
            raise WireError("a link for signing in begins with SignInWanted")
        try:
            answer: SignedIn | RequestEnd = SignedIn(until=int(await self._until(wanted, channel.remote.host)))
        except IdasError as error:
            log_event("sign_in_refused", reason=error.code)
            answer = RequestEnd(number=0, code=error.code)
        await channel.send(encode_message(answer))

    async def _until(self, wanted: SignInWanted, host: str) -> float:
        """Do it; until when somebody is signed in, 0 when nobody is any more."""
        caller = Caller(aet=wanted.aet, called_aet="", address=host, local_address="")
        if not await self._desk.is_workstation(caller):
            self._refusals.add(Device(aet=wanted.aet[:16], address=host), UnknownCaller.code)
            raise SignInRefused("not at this workstation")
        if not wanted.seconds:
            await self._desk.leave(wanted.aet, wanted.user, wanted.password)
            return 0.0
        session = await self._desk.login(wanted.aet, wanted.user, wanted.password, seconds=float(wanted.seconds))
        return session.until


async def sign_in(node: Contact, aet: str, user: str, password: str, *, seconds: float, way: Way = DIRECT) -> float:
    """Sign a user in at this machine, which is a workstation of a node; until when, in Unix seconds.

    Args:
        node: where it listens for other nodes, and its NodeId: the password goes to whoever proves that key alone.
        aet: the workstation's AE title.
        user: a user of the node.
        password: the user's.
        seconds: for how long; 0 signs out.
        way: how connections leave this machine.

    Raises:
        SignInRefused: no such user, a wrong password, too many wrong ones before, or not at this workstation.
        HandshakeFailed: another node answers there.
        PeerUnreachable, ChannelClosed: it does not answer.
    """
    key = sign_in_psk(node.node_id)
    channel = await dial(
        SigningKey.generate(),
        node.node_id,
        (node.address,),
        purpose=Purpose.SIGN_IN,
        psk=Psk(psk_id=psk_id(key), key=key),
        timeout=DIAL_TIMEOUT,
        way=way,
    )
    try:
        await channel.send(encode_message(SignInWanted(aet=aet, user=user, password=password, seconds=int(seconds))))
        async with asyncio.timeout(ANSWER_TIMEOUT):
            answer = decode_message(await channel.receive())
    except TimeoutError:
        raise PeerUnreachable("the node did not answer") from None
    finally:
        await channel.close()
    if isinstance(answer, SignedIn):
        return float(answer.until)
    if isinstance(answer, RequestEnd):
        known = {kind.code: kind for kind in (SignInRefused, BadConfiguration)}
        raise known[answer.code]() if answer.code in known else error_of(answer.code)
    raise WireError("not an answer to signing in")
