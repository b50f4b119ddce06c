"""Write tests/vectors/{records,datagrams,rpc}.json: python -m tools.make_directory_vectors.

Each vector says what goes in, what comes out, and its outcome, from a closed set: "success", or the refusal's name. All
keys are counted, not random, and nothing draws a nonce: every run writes the same bytes. docs/spec/directory.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nacl.bindings as sodium

from idas_p2p.crypto.challenges import shared_secret
from idas_p2p.crypto.datagram_keys import Session, derive_session
from idas_p2p.crypto.keys import SigningKey, x25519_public
from idas_p2p.crypto.records import check_record, sign_record
from idas_p2p.errors import WireError
from idas_p2p.limits import MAX_CLOCK_SKEW, MAX_CONTACTS_PER_REPLY, RECORD_LIFETIME
from idas_p2p.wire.canonical import pack, unpack
from idas_p2p.wire.datagrams import Challenge, Hello
from idas_p2p.wire.records import Record
from idas_p2p.wire.rpc import (
    DialBack,
    Dialling,
    FindNode,
    FindValue,
    Nodes,
    Ping,
    Pong,
    Reply,
    ReplyMessage,
    Request,
    Socket,
    Store,
    Stored,
    Values,
    WireContact,
    decode_message,
    encode_reply,
    encode_request,
)

VECTORS = Path(__file__).parents[1] / "tests/vectors"
NOW = 1_750_000_000.0  # Unix seconds
Vector = dict[str, Any]


def counted(first: int, size: int = 32) -> bytes:
    """Bytes that count up."""
    return bytes((first + place) % 256 for place in range(size))


def records() -> list[Vector]:
    """Records, and what a holder says to them; section 3."""
    location, writer = SigningKey(counted(1)), SigningKey(counted(2))
    good = sign_record(location, writer, b"payload", now=NOW)
    own = sign_record(writer, writer, b"", now=NOW, lifetime=60)
    cases: list[tuple[str, bytes, float]] = [
        ("a record of two keys", good.to_bytes(), NOW),
        ("a node's own record, of one key and no payload", own.to_bytes(), NOW),
        ("expired, within the clock tolerance", good.to_bytes(), NOW + RECORD_LIFETIME + MAX_CLOCK_SKEW - 1),
        ("expired", good.to_bytes(), NOW + RECORD_LIFETIME + MAX_CLOCK_SKEW),
        ("from a clock two minutes ahead", good.to_bytes(), NOW - MAX_CLOCK_SKEW),
        ("living too long", good.to_bytes(), NOW - MAX_CLOCK_SKEW - 1),
        ("another payload", replace(good, payload=b"PAYLOAD").to_bytes(), NOW),
        ("prolonged", replace(good, expires=good.expires + 1).to_bytes(), NOW),
        ("another slot", replace(good, writer=SigningKey(counted(3)).public).to_bytes(), NOW),
        ("signed for another place", replace(good, location=writer.public).to_bytes(), NOW),
        ("cut short", good.to_bytes()[:-1], NOW),
        ("something behind", good.to_bytes() + b"\0", NOW),
        ("a field missing", pack(unpack(good.to_bytes(), max_size=1_000)[:-1]), NOW),
    ]
    return [_record(comment, data, at) for comment, data, at in cases]


def _record(comment: str, data: bytes, at: float) -> Vector:
    vector: Vector = {"comment": comment, "record": data.hex(), "now": at}
    try:
        record = Record.from_bytes(data)
    except WireError:
        return {**vector, "outcome": "malformed"}
    said = {
        "location": record.location.hex(),
        "writer": record.writer.hex(),
        "sequence": record.sequence,
        "expires": record.expires,
        "payload": record.payload.hex(),
        "signed": record.signed_bytes().hex(),
        "key": record.key.hex(),
    }
    refusal = check_record(record, now=at)
    return {**vector, **said, "outcome": refusal.value if refusal else "success"}


def sessions() -> tuple[Session, Session, Vector]:
    """Both ends of one session, and what its keys follow from; section 2.4."""
    initiator, responder = SigningKey(counted(10)), SigningKey(counted(20))
    forth, back, cookie = counted(30), counted(40), counted(50, 24)
    names = (initiator.node_id, sodium.crypto_scalarmult_base(forth))
    others = (responder.node_id, sodium.crypto_scalarmult_base(back))

    def end(*, is_initiator: bool) -> Session:
        mine, peer = (initiator, responder) if is_initiator else (responder, initiator)
        secret, public = (forth, others[1]) if is_initiator else (back, names[1])
        return derive_session(
            shared_secret(mine.x25519_secret(), x25519_public(peer.node_id)),
            shared_secret(secret, public),
            initiator=names,
            responder=others,
            cookie=cookie,
            endpoint=("192.0.2.1", 7_000),
            is_initiator=is_initiator,
            now=0.0,
        )

    inputs = {
        "initiator_seed": counted(10).hex(),
        "initiator_ephemeral": forth.hex(),
        "responder_seed": counted(20).hex(),
        "responder_ephemeral": back.hex(),
        "cookie": cookie.hex(),
    }
    return end(is_initiator=True), end(is_initiator=False), inputs


def datagrams() -> list[Vector]:
    """The four kinds of datagram, and sealed ones that do not open; sections 2.1 and 2.4."""
    ours, theirs, inputs = sessions()
    handshake, second = ours.seal(b"first"), ours.seal(b"second " + counted(0, 100))
    answer = theirs.seal(b"answer")
    ours.opening = None
    third = ours.seal(b"")
    hello = Hello(counted(60, 16)).to_bytes()
    challenge = Challenge(counted(60, 16), counted(50, 24), sodium.crypto_scalarmult_base(counted(40))).to_bytes()
    sealed = [
        ("the first message of a session", "initiator", handshake, b"first"),
        ("another before the first answer", "initiator", second, b"second " + counted(0, 100)),
        ("an answer", "responder", answer, b"answer"),
        ("an empty message after the first answer", "initiator", third, b""),
    ]
    broken = [
        ("another counter", "initiator", _changed(third, 16)),
        ("another session", "initiator", _changed(third, 1)),
        ("a changed ciphertext", "responder", _changed(answer, -1)),
        ("a handshake under another name", "initiator", _changed(handshake, 57)),
    ]
    plain = [("a hello", hello), ("a challenge", challenge)]
    malformed = [
        ("an empty datagram", b""),
        ("an unknown kind", b"\x21" + hello[1:]),
        ("a hello cut short", hello[:-1]),
        ("a hello that carries something", _changed(hello, -1)),
        ("a challenge with something behind", challenge + b"\0"),
        ("a sealed datagram smaller than a challenge", third[:-1]),
        ("over 1280 bytes", answer + bytes(1_281 - len(answer))),
    ]
    return [
        *({"comment": c, "datagram": d.hex(), "outcome": "success"} for c, d in plain),
        *(
            {"comment": c, **inputs, "sender": who, "datagram": d.hex(), "message": m.hex(), "outcome": "success"}
            for c, who, d, m in sealed
        ),
        *({"comment": c, **inputs, "sender": w, "datagram": d.hex(), "outcome": "not_authentic"} for c, w, d in broken),
        *({"comment": c, "datagram": d.hex(), "outcome": "malformed"} for c, d in malformed),
    ]


def _changed(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def rpc() -> list[Vector]:
    """Every request with its reply, and messages that are none; section 7."""
    record = sign_record(SigningKey(counted(1)), SigningKey(counted(2)), b"payload", now=NOW).to_bytes()
    sockets = (Socket.of(("192.0.2.7", 7_000)), Socket.of(("2001:db8::7", 65_535)))
    node_ids = (SigningKey(counted(5)).node_id, SigningKey(counted(6)).node_id)
    contacts = tuple(WireContact(node_id=one, socket=at) for one, at in zip(node_ids, sockets, strict=True))
    pairs: list[tuple[Request, Reply]] = [
        (Ping(), Pong(observed=sockets[1])),
        (FindNode(target=counted(7, 20)), Nodes(contacts=contacts)),
        (FindNode(target=counted(7, 20)), Nodes(contacts=())),
        (FindNode(target=counted(7, 20)), Nodes(contacts=contacts * (MAX_CONTACTS_PER_REPLY // 2))),
        (FindValue(key=counted(8, 20), after=b""), Values(records=(record,), more=True, contacts=contacts[:1])),
        (FindValue(key=counted(8, 20), after=counted(9)), Values(records=(), more=False, contacts=())),
        (Store(records=(record, record)), Stored(outcomes=(0, 7))),
        (DialBack(port=7_000, nonce=counted(3, 8)), Dialling(at=sockets[0], accepted=True)),
    ]
    ping, pong = encode_request(counted(0, 8), Ping(), is_server=True), encode_reply(counted(0, 8), pairs[0][1])
    broken = [
        ("nothing", b""),
        ("neither request nor reply", b"\x93\x02" + pong[2:]),
        ("a kind that is a truth", pack([False, counted(0, 8), True, 1, []])),
        ("an unknown method", pack([0, counted(0, 8), True, 6, []])),
        ("a dial-back to port 0", pack([0, counted(0, 8), True, 5, [0, counted(3, 8)]])),
        ("a dial-back with a nonce of seven bytes", pack([0, counted(0, 8), True, 5, [7_000, counted(3, 7)]])),
        ("a method that is a truth", pack([0, counted(0, 8), True, True, []])),
        ("an id of seven bytes", pack([0, counted(0, 7), True, 1, []])),
        ("a field too many", pack([0, counted(0, 8), True, 1, [0]])),
        ("a target of 19 bytes", pack([0, counted(0, 8), True, 2, [counted(0, 19)]])),
        ("no records", pack([0, counted(0, 8), True, 4, [[]]])),
        ("another encoding of the same", ping.replace(b"\xc4\x08", b"\xc5\x00\x08")),
        ("something behind", ping + b"\0"),
    ]
    one = contacts[0].to_bytes()
    broken_replies = [
        ("a contact too many", [[one] * (MAX_CONTACTS_PER_REPLY + 1)]),
        ("a contact of 39 bytes", [[one + b"\0"]]),
        ("a contact without a port", [[one[:-2] + bytes(2)]]),
        ("a contact that is a list", [[[node_ids[0].raw, [sockets[0].ip, sockets[0].port]]]]),
        ("a field too many in a reply", [[one], 0]),
    ]
    find = encode_request(counted(0, 8), pairs[1][0], is_server=True)
    return [
        *(_exchange(request, reply) for request, reply in pairs),
        *(
            {
                "comment": comment,
                "request": find.hex(),
                "reply": pack([1, counted(0, 8), plain]).hex(),
                "outcome": "malformed",
            }
            for comment, plain in broken_replies
        ),
        *({"comment": comment, "request": data.hex(), "outcome": "malformed"} for comment, data in broken),
    ]


def _exchange(request: Request, reply: Reply) -> Vector:
    asked = encode_request(counted(0, 8), request, is_server=True)
    answered = encode_reply(counted(0, 8), reply)
    message = decode_message(answered)
    assert isinstance(message, ReplyMessage)
    assert message.read(request) == reply
    comment = f"{type(request).__name__} and {type(reply).__name__}"
    return {"comment": comment, "request": asked.hex(), "reply": answered.hex(), "outcome": "success"}


SUITES: dict[str, Callable[[], list[Vector]]] = {"records": records, "datagrams": datagrams, "rpc": rpc}


def main() -> None:
    """Write the files."""
    for name, make in SUITES.items():
        text = json.dumps({"vectors": make()}, indent=1, ensure_ascii=False)
        (VECTORS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
