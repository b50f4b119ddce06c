"""One WebRTC data channel between two nodes as a Connection: DTLS and SCTP by aiortc, within bounds of ours.

Belongs here: what is made of aiortc's parts, their opening and their end. Not here: the way for datagrams (ice.py), the
stream in the messages (flow.py), when it is tried (node/webrtc.py). Import it when it is needed: 33 MB of memory.
There is no SDP: both sides know all of it beforehand but the terms. aiortc by itself lets a peer open any number of
channels, keeps fragments without end, and tells its own tasks alone when something breaks.
Source: RFC 8831, RFC 8261, RFC 9260; docs/spec/transport.md section 12.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Final

from aiortc import RTCCertificate, RTCDataChannel, RTCDataChannelParameters, RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcsctptransport import WEBRTC_BINARY, RTCSctpCapabilities
from OpenSSL import SSL

from idas_p2p.errors import PeerUnreachable
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.flow import MAX_PIECE
from idas_p2p.transport.flowing import FlowTransport
from idas_p2p.transport.ice import IceAgent
from idas_p2p.transport.secure import MAX_HANDSHAKE_FRAME
from idas_p2p.wire.address import Address
from idas_p2p.wire.ice import IceTerms

logging.getLogger("aiortc").setLevel(logging.CRITICAL)  # its words go around events.py

STREAM: Final = 0  # the one data channel, agreed on beforehand; protocol
PORT: Final = 5_000  # of SCTP; protocol, RFC 8831 leaves it to SDP
FINGERPRINT: Final = "sha-256"  # protocol
MAX_FRAGMENTS: Final = 2_048  # held until what is missing arrives; ours, more than may be on their way (flow.py)
LINGER: Final = 2.0  # seconds for what was said last to be acknowledged; ours
CLOSE_TIMEOUT: Final = 2.0  # seconds for sockets to close; ours
BROKEN: Final = (AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error)  # how aiortc says it


class DataChannel:
    """One side, from its terms to its end. `live` must run for as long as it is wanted, and closes everything.

    Args:
        controlling: whether we asked for it.
        hosts, told, servers: as for IceAgent.
    """

    def __init__(
        self, *, controlling: bool, hosts: Sequence[str], told: Collection[str], servers: Sequence[Address]
    ) -> None:
        self._agent = IceAgent(controlling=controlling, hosts=hosts, told=told, servers=servers)
        self._certificate = RTCCertificate.generateCertificate()
        self._dtls = RTCDtlsTransport(_Way(self._agent, controlling=controlling), [self._certificate])
        self._sctp = _Association(self._dtls, on_message=self._heard, on_progress=self._went_on)
        self._flow: FlowTransport | None = None
        self._is_lost = False  # or given up
        self._changed = asyncio.Event()

    async def terms(self) -> IceTerms:
        """What to tell the other side; PeerUnreachable when this machine gives no socket."""
        candidates = await self._agent.gather()
        (found,) = (one.value for one in self._certificate.getFingerprints() if one.algorithm == FINGERPRINT)
        return IceTerms(
            user=self._agent.local_username,
            password=self._agent.local_password,
            fingerprint=bytes.fromhex(found.replace(":", "")),
            candidates=candidates,
        )

    async def open(self, theirs: IceTerms) -> Connection:
        """Find the way and open the channel; the caller sets the deadline.

        Raises:
            PeerUnreachable: no datagram gets through, or somebody else answers.
        """
        await self._agent.reach(theirs.user, theirs.password, theirs.candidates)
        expected = RTCDtlsFingerprint(algorithm=FINGERPRINT, value=theirs.fingerprint.hex(":"))
        with suppress(*BROKEN, SSL.Error):  # a certificate that is none
            await self._dtls.start(RTCDtlsParameters(fingerprints=[expected]))
        if self._dtls.state != "connected":
            raise PeerUnreachable("datagrams get through, but DTLS does not come about")
        self._dtls.add_listener("statechange", self.give_up)
        settings = RTCDataChannelParameters(label="idas", negotiated=True, id=STREAM, ordered=True)
        channel = RTCDataChannel(self._sctp, settings)
        channel.add_listener("open", self._changed.set)
        channel.add_listener("close", self.give_up)
        self._flow = flow = self._stream(channel)
        await self._sctp.start(RTCSctpCapabilities(maxMessageSize=1 + MAX_PIECE), PORT)
        await self._until(lambda: self._is_lost or channel.readyState == "open")
        if self._is_lost:
            raise PeerUnreachable("datagrams get through, but SCTP does not come about")
        connection = Connection(max_frame=MAX_HANDSHAKE_FRAME, is_paced=False)
        flow.begin(connection)
        return connection

    def _stream(self, channel: Any) -> FlowTransport:
        def say(message: bytes) -> None:
            if channel.readyState == "open":
                channel.send(message)

        return FlowTransport(
            say,
            lambda: int(channel.bufferedAmount),
            remote=self._agent.remote,
            round_trip=lambda: self._sctp.round_trip,
            on_over=self._changed.set,
        )

    def give_up(self) -> None:
        """End it soon, if it has not ended by itself; `live` does the work."""
        self._is_lost = True
        self._changed.set()

    async def live(self) -> None:
        """Wait until the connection has ended or was given up, then close everything."""
        try:
            await self._until(lambda: self._is_lost or (self._flow is not None and self._flow.is_over))
            if self._flow is not None and self._flow.is_orderly:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LINGER):
                        await self._until(lambda: self._is_lost or self._sctp.is_idle)
        finally:
            if self._flow is not None:
                self._flow.lose(ConnectionResetError("the path was lost"))
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self._close()

    async def _close(self) -> None:
        pump = self._dtls._task
        try:
            await self._sctp.stop()
            await self._dtls.stop()
        finally:
            await self._agent.close()
        if pump is not None:
            await asyncio.gather(pump, return_exceptions=True)

    def _heard(self, message: bytes) -> None:
        if self._flow is not None:
            self._flow.hear(message)

    def _went_on(self) -> None:
        """Messages went on their way, or were acknowledged."""
        if self._flow is not None:
            self._flow.pump()
            if self._flow.is_over:
                self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


class _Way:
    """What aiortc's DTLS needs of the layer below it; the names are its own."""

    def __init__(self, agent: IceAgent, *, controlling: bool) -> None:
        self.role = "controlling" if controlling else "controlled"  # the controlling side is DTLS's server; protocol
        self._recv, self._send = agent.recv, agent.send


class _Association(RTCSctpTransport):  # type: ignore[misc]  # aiortc is not looked into
    """SCTP with one stream of whole binary messages; a peer that sends anything else has its association ended."""

    def __init__(
        self, dtls: RTCDtlsTransport, *, on_message: Callable[[bytes], None], on_progress: Callable[[], None]
    ) -> None:
        super().__init__(dtls, PORT)
        self._on_message, self._on_progress = on_message, on_progress

    @property
    def is_idle(self) -> bool:
        """Whether everything that was sent is acknowledged."""
        return not (self._sent_queue or self._outbound_queue or self._data_channel_queue)

    @property
    def round_trip(self) -> float | None:
        """The smoothed round-trip time in seconds; None before the first."""
        seconds: float | None = self._srtt
        return seconds

    # What aiortc does otherwise; a ConnectionError ends its reading, and with it everything.

    async def _handle_data(self, data: bytes) -> None:
        try:
            await super()._handle_data(data)
        except BROKEN:
            raise ConnectionError("not SCTP as it must be") from None

    async def _receive_data_chunk(self, chunk: Any) -> None:
        if chunk.stream_id != STREAM or len(self._sack_misordered) >= MAX_FRAGMENTS:
            raise ConnectionError("another stream, or one piece is kept back for ever")
        held = self._inbound_streams.get(STREAM)
        if held is not None and len(held.reassembly) >= MAX_FRAGMENTS:
            raise ConnectionError("fragments without end")
        await super()._receive_data_chunk(chunk)

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        if pp_id != WEBRTC_BINARY:
            raise ConnectionError("not a binary message")
        self._on_message(data)

    async def _send_chunk(self, chunk: Any) -> None:
        with suppress(ConnectionError, SSL.Error):  # noticed by whoever reads; some callers are tasks of nobody
            await super()._send_chunk(chunk)

    async def _data_channel_flush(self) -> None:
        await super()._data_channel_flush()
        self._on_progress()
