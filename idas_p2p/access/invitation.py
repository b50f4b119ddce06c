"""Codes: everything a machine that knows nobody needs, short enough to read over the telephone.

An invitation lets it join a federation; a pass, which has the same form, lets it fetch one study.

A code holds a secret, a seal of the inviter's NodeId, and one contact of the directory. From the secret follow the
place in the directory where the inviter left its address, the key that opens it, and the pre-shared key of the joining
handshake; by the seal whoever else holds the code cannot pose as the inviter.
Source: docs/spec/federation.md sections 3 and 6; alphabet: Crockford's base 32.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import ClassVar, Self

from idas_p2p.crypto.box import open_sealed, seal
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadCode, BadSignature, WireError
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import InviteRecord
from idas_p2p.wire.ids import NODE_ID_SIZE, NodeId
from idas_p2p.wire.records import Record
from idas_p2p.wire.schema import decode, encode

PREFIX = "IDAS2"
PASS_PREFIX = "IDASP1"  # noqa: S105  # of the code of a pass
_FIRST_PREFIX = "IDAS1"  # of codes that did not name their inviter
SECRET_SIZE = 16  # bytes; protocol
SEAL_SIZE = 16  # bytes; protocol: to find another key with the same seal takes 2^128 tries
_FIXED_SIZE = SECRET_SIZE + SEAL_SIZE + NODE_ID_SIZE
_CHECK_SIZE = 3  # bytes; one mistyped code in 16 million passes
_HOST_NAME = 64  # added to the length of a host name, to tell it from the 4 and 16 bytes of an IP address; protocol
_MAX_HOST_SIZE = 255 - _HOST_NAME  # characters; protocol
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("OIL", "011")
_OF_ANOTHER_KIND = {
    _FIRST_PREFIX: f"{_FIRST_PREFIX} codes are of an earlier version; ask for a new one",
    PASS_PREFIX: "it is a pass for a study; use: idas fetch CODE --out FOLDER",
    PREFIX: "it is an invitation to a federation; use: idas join DIR CODE",
}
_GROUP = 6  # characters between hyphens
_MAX_DIGITS = 420  # characters; the longest host name gives 418


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Invitation:
    """What a code says; never prints itself.

    Raises:
        BadCode: secret or seal has not 16 bytes, or a host name is not ASCII or too long for a code.
    """

    prefix: ClassVar[str] = PREFIX
    words: ClassVar[str] = "idas inv"  # begin the purposes of what is derived from the secret

    secret: bytes
    inviter_seal: bytes  # see `seal_of`
    contact: Contact  # a bootstrap node, or the inviter itself

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_SIZE or len(self.inviter_seal) != SEAL_SIZE:
            raise BadCode("wrong length")
        host = self.contact.address.host
        if not host.isascii() or len(host) > _MAX_HOST_SIZE:
            raise BadCode(f"a host name in a code has at most {_MAX_HOST_SIZE} ASCII characters")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    @classmethod
    def of(cls, inviter: NodeId, secret: bytes, contact: Contact) -> Self:
        """The invitation of a node, with a fresh secret of 16 bytes."""
        return cls(secret=secret, inviter_seal=seal_of(secret, inviter, words=cls.words), contact=contact)

    @property
    def location(self) -> SigningKey:
        """The key of the place in the directory where the inviter's record lies."""
        return SigningKey(derive(self.secret, f"{self.words} place"))

    @property
    def psk(self) -> bytes:
        """The pre-shared key of the joining handshake: 32 bytes."""
        return derive(self.secret, f"{self.words} psk")

    def seal_record(self, record: InviteRecord) -> bytes:
        """The payload to leave at `location`."""
        return seal(self._record_key, encode(record), pad_to=64)

    def open_record(self, record: Record) -> InviteRecord:
        """Read what the inviter left.

        Raises:
            BadCode: it was not left by who made the code, or names another node as the inviter.
        """
        try:
            found = decode(InviteRecord, open_sealed(self._record_key, record.payload, padded=True), max_size=1_024)
        except (BadSignature, WireError):
            raise BadCode("the invitation's record is damaged") from None
        if seal_of(self.secret, found.inviter, words=self.words) != self.inviter_seal:
            raise BadCode("its record names another inviter than who made the code")
        return found

    @property
    def _record_key(self) -> bytes:
        return derive(self.secret, f"{self.words} record")

    def to_code(self) -> str:
        """The text to hand over."""
        kind, host = _host_bytes(self.contact.address.host)
        port = self.contact.address.port.to_bytes(2, "big")
        body = self.secret + self.inviter_seal + self.contact.node_id.raw + port + bytes((kind,)) + host
        digits = _to_base32(body + _check(body))
        groups = [digits[i : i + _GROUP] for i in range(0, len(digits), _GROUP)]
        return "-".join([self.prefix, *groups])

    @classmethod
    def from_code(cls, code: str) -> Self:
        """Read a code; case, spaces and hyphens do not matter, and O, I, L are read as 0, 1, 1.

        Raises:
            BadCode: not a code, or mistyped.
        """
        text = "".join(code.upper().replace("-", "").split())
        given = next((one for one in (PASS_PREFIX, PREFIX, _FIRST_PREFIX) if _begins(text, one)), "")
        if given != cls.prefix:
            raise BadCode(_OF_ANOTHER_KIND.get(given) or f"a code begins with {cls.prefix}")
        digits = text[len(given) :]
        data = _from_base32(digits.translate(_READ_AS))
        body, check = data[:-_CHECK_SIZE], data[-_CHECK_SIZE:]
        if len(body) < _FIXED_SIZE + 3 or _check(body) != check:
            raise BadCode("mistyped or incomplete")
        seal, node_id, rest = body[SECRET_SIZE:][:SEAL_SIZE], body[:_FIXED_SIZE][-NODE_ID_SIZE:], body[_FIXED_SIZE:]
        try:
            address = Address(_host(rest[2], rest[3:]), int.from_bytes(rest[:2], "big"))
            return cls(secret=body[:SECRET_SIZE], inviter_seal=seal, contact=Contact(address, NodeId(node_id)))
        except (WireError, ValueError):
            raise BadCode("it holds no address") from None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PassCode(Invitation):
    """What the code of a pass says: its inviter is the node that holds the study; never prints itself."""

    prefix: ClassVar[str] = PASS_PREFIX
    words: ClassVar[str] = "idas pas"


def seal_of(secret: bytes, inviter: NodeId, *, words: str = Invitation.words) -> bytes:
    """What a code says of its inviter: 16 bytes."""
    return derive(secret, f"{words} inviter", inviter.raw)[:SEAL_SIZE]


def invitation_psk(secret: bytes) -> bytes:
    """The pre-shared key of the joining handshake that belongs to a code's secret: 32 bytes."""
    return derive(secret, f"{Invitation.words} psk")


def pass_psk(secret: bytes) -> bytes:
    """The pre-shared key of the handshake that belongs to a pass's secret: 32 bytes."""
    return derive(secret, f"{PassCode.words} psk")


def _begins(text: str, prefix: str) -> bool:
    return text[: len(prefix)].translate(_READ_AS) == prefix.translate(_READ_AS)


def _host_bytes(host: str) -> tuple[int, bytes]:
    """What a code says of a host: its kind and its bytes."""
    try:
        packed = ipaddress.ip_address(host).packed
    except ValueError:
        return _HOST_NAME + len(host), host.encode("ascii")
    return len(packed), packed


def _host(kind: int, raw: bytes) -> str:
    host = str(ipaddress.ip_address(raw)) if kind in (4, 16) and kind == len(raw) else raw.decode("ascii")
    if _host_bytes(host) != (kind, raw):
        raise BadCode("it holds no address")
    return host


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_SIZE, person=b"idas code").digest()


def _to_base32(data: bytes) -> str:
    size = -(-len(data) * 8 // 5)
    number = int.from_bytes(data, "big") << (size * 5 - len(data) * 8)
    return "".join(_ALPHABET[number >> 5 * i & 31] for i in reversed(range(size)))


def _from_base32(digits: str) -> bytes:
    if len(digits) > _MAX_DIGITS:
        raise BadCode("longer than any code")
    if any(digit not in _ALPHABET for digit in digits):
        raise BadCode("it holds a character that no code has")
    number = 0
    for digit in digits:
        number = number << 5 | _ALPHABET.index(digit)
    size = len(digits) * 5 // 8
    spare = len(digits) * 5 - size * 8
    if spare > 4 or number & (1 << spare) - 1:
        raise BadCode("mistyped or incomplete")
    return (number >> spare).to_bytes(size, "big")
