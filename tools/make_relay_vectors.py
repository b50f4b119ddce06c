"""Write tests/vectors/relay.json: python -m tools.make_relay_vectors.

Messages of a relay's link, vouchers and memberships with their outcomes, and one whole handshake. All keys are counted,
not random: every run writes the same bytes. docs/spec/relay.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.relaying import LinkInitiator, LinkResponder, sign_membership, sign_voucher
from idas_p2p.wire.address import Address
from idas_p2p.wire.federation import Membership, membership_bytes
from idas_p2p.wire.relay import (
    Connect,
    Connected,
    DialBack,
    Dialling,
    Incoming,
    Move,
    Ping,
    Pong,
    Refused,
    RelayMessage,
    RelayRefusal,
    Reserve,
    ReserveAsMember,
    Reserved,
    to_bytes,
    voucher_bytes,
)

PATH = Path(__file__).parents[1] / "tests/vectors/relay.json"
EXPIRES = 1_750_000_000  # Unix seconds
Vector = dict[str, Any]


def counted(first: int, size: int = 32) -> bytes:
    """Bytes that count up."""
    return bytes((first + place) % 256 for place in range(size))


NODE, DIALER, RELAY, ADMIN = (SigningKey(counted(first)) for first in (1, 2, 3, 4))


def shown(*, epoch: int = 7, admin: SigningKey = ADMIN) -> Membership:
    """What NODE shows as a member."""
    federation = counted(0x80)
    signature = sign_membership(admin, federation=federation, node=NODE.node_id, epoch=epoch, expires=EXPIRES)
    return Membership(admin=ADMIN.node_id, federation=federation, epoch=epoch, expires=EXPIRES, signature=signature)


def messages() -> list[Vector]:
    """Every message, and bytes that are none."""
    signature = counted(9, 64)
    good: list[RelayMessage] = [
        Reserve(),
        ReserveAsMember(membership=shown()),
        Connect(target=NODE.public, expires=EXPIRES, signature=signature),
        Ping(),
        DialBack(port=7_000, nonce=counted(6, 8)),
        Reserved(expires=EXPIRES, signature=signature, observed=Address("192.0.2.7", 40_000)),
        Connected(),
        *(Refused.because(reason) for reason in RelayRefusal),
        Incoming(nonce=counted(5, 16)),
        Pong(),
        Move(),
        Dialling(at=Address("192.0.2.7", 7_000), accepted=True),
        Dialling(at=Address("192.0.2.7", 7_000), accepted=False),
    ]
    vectors = [{"comment": _name(message), "bytes": to_bytes(message).hex(), "outcome": "success"} for message in good]
    for comment, data in (
        ("nothing", b""),
        ("an unknown code", b"\x63\x90"),
        ("a field too many", b"\x03\x91\x01"),
        ("something behind", to_bytes(Ping()) + b"\0"),
        ("a short nonce", to_bytes(Incoming(nonce=bytes(16)))[:-1]),
        ("a refusal without a name", b"\x13\x91\x63"),
        ("a number in a longer form than needed", b"\x13\x91\xcc\x01"),
    ):
        vectors.append({"comment": comment, "bytes": data.hex(), "outcome": "malformed"})
    return vectors


def _name(message: RelayMessage) -> str:
    return f"refused: {message.reason}" if isinstance(message, Refused) else type(message).__name__.lower()


def vouchers() -> list[Vector]:
    """A voucher, and what is none."""
    good = {
        "comment": "a voucher",
        "node": NODE.public.hex(),
        "relay": RELAY.public.hex(),
        "expires": EXPIRES,
        "signed": voucher_bytes(node=NODE.node_id, relay=RELAY.node_id, expires=EXPIRES).hex(),
        "signature": sign_voucher(RELAY, NODE.node_id, expires=EXPIRES).hex(),
        "outcome": "success",
    }
    changed: list[Vector] = [
        {"comment": "for another node", "node": DIALER.public.hex()},
        {"comment": "of another relay", "relay": DIALER.public.hex()},
        {"comment": "prolonged", "expires": EXPIRES + 1},
        {"comment": "signed by the node itself", "signature": sign_voucher(NODE, NODE.node_id, expires=EXPIRES).hex()},
    ]
    return [good, *({**good, **change, "signed": "", "outcome": "bad_voucher"} for change in changed)]


def memberships() -> list[Vector]:
    """A membership, and what is none."""
    member = shown()
    good = {
        "comment": "a membership",
        "admin": member.admin.raw.hex(),
        "federation": member.federation.hex(),
        "node": NODE.public.hex(),
        "epoch": member.epoch,
        "expires": member.expires,
        "signed": membership_bytes(
            federation=member.federation, node=NODE.node_id, epoch=member.epoch, expires=member.expires
        ).hex(),
        "signature": member.signature.hex(),
        "outcome": "success",
    }
    changed: list[Vector] = [
        {"comment": "shown by another node", "node": DIALER.public.hex()},
        {"comment": "of another federation of the same admin", "federation": counted(0x81).hex()},
        {"comment": "of a later epoch", "epoch": member.epoch + 1},
        {"comment": "prolonged", "expires": EXPIRES + 1},
        {"comment": "of another admin", "admin": RELAY.public.hex()},
        {"comment": "signed by the node itself", "signature": shown(admin=NODE).signature.hex()},
    ]
    return [good, *({**good, **change, "signed": "", "outcome": "not_a_member"} for change in changed)]


def handshake() -> Vector:
    """The three messages of a link, and its keys."""
    ephemerals = counted(0x40), counted(0x60)
    node = LinkInitiator(DIALER, RELAY.node_id, random_bytes=lambda _: ephemerals[0])
    relay = LinkResponder(RELAY, random_bytes=lambda _: ephemerals[1])
    hello = node.hello()
    answer = relay.read_hello(hello)
    node.read_answer(answer)
    introduction, (send_key, receive_key) = node.introduce()
    who, keys = relay.read_introduction(introduction)
    assert (who, keys) == (DIALER.node_id, (receive_key, send_key))
    return {
        "node_seed": counted(2).hex(),
        "relay_seed": counted(3).hex(),
        "node_ephemeral": ephemerals[0].hex(),
        "relay_ephemeral": ephemerals[1].hex(),
        "messages": [hello.hex(), answer.hex(), introduction.hex()],
        "node_sends_with": send_key.hex(),
        "relay_sends_with": receive_key.hex(),
    }


def main() -> None:
    """Write the file."""
    content = {
        "messages": messages(),
        "vouchers": vouchers(),
        "memberships": memberships(),
        "handshakes": [handshake()],
    }
    PATH.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
