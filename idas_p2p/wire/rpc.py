"""What directory nodes ask each other, and the replies: values to canonical bytes and back.

Belongs here: the shape and limits of every request and reply. Not here: sealing, sending, deciding.
A request is `[0, id, is_server, method, [fields]]`, a reply `[1, id, [fields]]`; docs/spec/directory.md section 7.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

from idas_p2p.errors import WireError
from idas_p2p.limits import MAX_CONTACTS_PER_REPLY, MAX_RECORD_SIZE, MAX_RECORDS_PER_DATAGRAM
from idas_p2p.wire.canonical import pack, unpack
from idas_p2p.wire.datagrams import MAX_REPLY_SIZE
from idas_p2p.wire.ids import KADEMLIA_ID_SIZE, NODE_ID_SIZE, NodeId
from idas_p2p.wire.schema import Limit, Packed, exactly, from_plain, to_plain

REQUEST_ID_SIZE: Final = 8  # bytes
NONCE_SIZE: Final = 8  # bytes of a dial-back's nonce, which is the psk_id of the handshake that brings it
Bytes20 = Annotated[bytes, exactly(KADEMLIA_ID_SIZE)]
RecordBytes = Annotated[bytes, Limit(1, MAX_RECORD_SIZE)]
Endpoint = tuple[str, int]  # IP address as text, UDP port


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """An IP address and UDP port in few bytes.

    Raises:
        WireError: neither 4 nor 16 bytes of address.
    """

    ip: Annotated[bytes, Limit(4, 16)]
    port: Annotated[int, Limit(1, 65_535)]

    def __post_init__(self) -> None:
        if len(self.ip) not in (4, 16):
            raise WireError("an IP address has 4 or 16 bytes")

    @classmethod
    def of(cls, endpoint: Endpoint) -> Socket:
        """From text form."""
        return cls(ip=_packed(endpoint[0]), port=endpoint[1])

    @property
    def endpoint(self) -> Endpoint:
        """In text form."""
        return _text(self.ip), self.port


@lru_cache(maxsize=4_096)
def _packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed


@lru_cache(maxsize=4_096)
def _text(ip: bytes) -> str:
    return str(ipaddress.ip_address(ip))


@dataclass(frozen=True, slots=True, kw_only=True)
class WireContact(Packed):
    """A node that answered at this socket; on the wire NodeId(32) ‖ IP address(4 or 16) ‖ port(2)."""

    node_id: NodeId
    socket: Socket

    def to_bytes(self) -> bytes:
        """38 bytes, or 50 with IPv6."""
        return self.node_id.raw + self.socket.ip + self.socket.port.to_bytes(2, "big")

    @classmethod
    def from_bytes(cls, data: bytes) -> WireContact:
        """Read what `to_bytes` wrote.

        Raises:
            WireError: of another size, or port 0.
        """
        return _contact(data)


@lru_cache(maxsize=8_192)  # the same few thousand nodes are named again and again; ours: about 5 MB
def _contact(data: bytes) -> WireContact:
    node_id, ip, port = data[:NODE_ID_SIZE], data[NODE_ID_SIZE:-2], int.from_bytes(data[-2:], "big")
    if not port:
        raise WireError("no contact has port 0")
    return WireContact(node_id=NodeId(node_id), socket=Socket(ip=ip, port=port))


Contacts = Annotated[tuple[WireContact, ...], Limit(0, MAX_CONTACTS_PER_REPLY)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Are you there, and from where do you see me?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """I am."""

    observed: Socket


@dataclass(frozen=True, slots=True, kw_only=True)
class FindNode:
    """Which nodes do you know nearest to this?"""

    target: Bytes20


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The nearest first."""

    contacts: Contacts


@dataclass(frozen=True, slots=True, kw_only=True)
class FindValue:
    """Which records do you hold at this key, in slots after this writer key?"""

    key: Bytes20
    after: Annotated[bytes, Limit(0, 32)]  # empty for the first page


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """One page of records in order of writer key; contacts come with the first page only, as many as fit."""

    records: Annotated[tuple[RecordBytes, ...], Limit(0, MAX_RECORDS_PER_DATAGRAM)]
    more: bool
    contacts: Contacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Please hold these records."""

    records: Annotated[tuple[RecordBytes, ...], Limit(1, MAX_RECORDS_PER_DATAGRAM)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of each: 0 held, else the number of a refusal; docs/spec/directory.md section 7.4."""

    outcomes: Annotated[tuple[Annotated[int, Limit(0, 255)], ...], Limit(1, MAX_RECORDS_PER_DATAGRAM)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialBack:
    """Please dial this TCP port at the address you see me at, with this nonce; docs/spec/transport.md section 8."""

    port: Annotated[int, Limit(1, 65_535)]
    nonce: Annotated[bytes, exactly(NONCE_SIZE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """Where I dial you, or would have if `accepted` is false."""

    at: Socket
    accepted: bool


Request = Ping | FindNode | FindValue | Store | DialBack
Reply = Pong | Nodes | Values | Stored | Dialling
METHODS: Final[dict[int, type[Request]]] = {1: Ping, 2: FindNode, 3: FindValue, 4: Store, 5: DialBack}
NUMBERS: Final = {kind: number for number, kind in METHODS.items()}
REPLIES: Final[dict[type[Request], type[Reply]]] = {
    Ping: Pong,
    FindNode: Nodes,
    FindValue: Values,
    Store: Stored,
    DialBack: Dialling,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMessage:
    """A request as it arrived."""

    request_id: bytes
    is_server: bool  # whether the sender answers requests itself
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyMessage:
    """A reply whose fields are not yet read: only the request tells what they mean."""

    request_id: bytes
    plain: Any

    def read(self, request: Request) -> Reply:
        """The reply to `request`.

        Raises:
            WireError: not a valid reply to it.
        """
        reply: Reply = from_plain(REPLIES[type(request)], self.plain)
        if isinstance(request, Store) and isinstance(reply, Stored) and len(request.records) != len(reply.outcomes):
            raise WireError("one outcome for each record")
        return reply


def encode_request(request_id: bytes, request: Request, *, is_server: bool) -> bytes:
    """The bytes to seal."""
    return pack([0, request_id, is_server, NUMBERS[type(request)], to_plain(request)])


def encode_reply(request_id: bytes, reply: Reply) -> bytes:
    """The bytes to seal."""
    return pack([1, request_id, to_plain(reply)])


def is_request(data: bytes) -> bool:
    """Whether an opened message begins like a request; costs next to nothing."""
    return data[:2] == b"\x95\x00"  # a list of five, the first of them 0


def decode_message(data: bytes) -> RequestMessage | ReplyMessage:
    """Read an opened message.

    Raises:
        WireError: neither a valid request nor the frame of a reply.
    """
    plain = unpack(data, max_size=MAX_REPLY_SIZE)
    if not isinstance(plain, list) or not plain or isinstance(plain[0], bool):  # False is equal to 0
        raise WireError("neither a request nor a reply")
    match plain:
        case [0, bytes(request_id), bool(is_server), int(method), fields] if len(request_id) == REQUEST_ID_SIZE:
            if method not in METHODS or method is True:
                raise WireError("unknown method")
            request: Request = from_plain(METHODS[method], fields)
            return RequestMessage(request_id=request_id, is_server=is_server, request=request)
        case [1, bytes(request_id), fields] if len(request_id) == REQUEST_ID_SIZE:
            return ReplyMessage(request_id=request_id, plain=fields)
    raise WireError("neither a request nor a reply")
