"""Write tests/vectors/udp.json: python -m tools.make_udp_vectors.

Streams in a data channel as their messages, with outcomes `success` and `refused`, and questions to STUN with their
answers or the name of the refusal. Every run writes the same bytes. docs/spec/transport.md section 12.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from bootstrap.stun import COOKIE, HEADER, REQUEST, Refusal, answer
from idas_p2p.errors import WireError
from idas_p2p.transport.flow import CREDIT, END, LEAST, MAX_PIECE, PIECE, WINDOW, Flow
from idas_p2p.wire.address import Address

PATH = Path(__file__).parents[1] / "tests/vectors/udp.json"
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")  # RFC 5769 section 2
SEEN_AS = (Address("192.0.2.1", 32_853), Address("2001:db8:1234:5678:11:2233:4455:6677", 32_853))  # RFC 5769
SOFTWARE = struct.pack(">HH", 0x8022, 24) + b"idas_p2p".ljust(24)
Vector = dict[str, Any]


def streams() -> list[Vector]:
    """What one side says, message by message; the last one decides."""
    piece, end = bytes((PIECE,)), bytes((END,))
    grant = bytes((CREDIT,)) + (WINDOW + WINDOW // 2).to_bytes(8, "big")
    cases = {
        "two pieces and the end": [piece + b"hel", piece + b"lo", end],
        "nothing but the end": [end],
        "credit": [grant],
        "the largest piece": [piece + bytes(MAX_PIECE)],
        "as many small pieces as may be sent": [piece + b"x"] * (WINDOW // LEAST),
        "one small piece more": [piece + b"x"] * (WINDOW // LEAST + 1),
        "no message": [b""],
        "an empty piece": [piece],
        "a piece too large": [piece + bytes(MAX_PIECE + 1)],
        "credit taken back": [grant, grant],
        "credit of another size": [grant[:-1]],
        "an end with something in it": [end + b"x"],
        "two ends": [end, end],
        "a piece after the end": [end, piece + b"x"],
        "an unknown message": [b"\x03"],
    }
    return [
        {"comment": comment, "said": _shortened(said), "outcome": _outcome(said)} for comment, said in cases.items()
    ]


def _outcome(said: list[bytes]) -> str:
    flow = Flow()
    try:
        for message in said:
            flow.receive(message)
    except WireError:
        return "refused"
    return "success"


def _shortened(said: list[bytes]) -> list[list[Any]]:
    """[times, message] of messages said again and again, in a row."""
    rows: list[list[Any]] = []
    for message in said:
        if rows and rows[-1][1] == message.hex():
            rows[-1][0] += 1
        else:
            rows.append([1, message.hex()])
    return rows


def questions() -> list[Vector]:
    """Binding requests as ours asks them, and such as are not answered."""

    def ask(attributes: bytes, *, size: int | None = None) -> bytes:
        return HEADER.pack(REQUEST, len(attributes) if size is None else size, COOKIE, TRANSACTION) + attributes

    cases = {
        "as ours": ask(SOFTWARE),
        "no attribute": ask(b""),
        "12 bytes for an answer of 12": ask(SOFTWARE[:2] + b"\0\x08" + bytes(8)),
        "another size than it says": ask(SOFTWARE, size=20),
        "an attribute cut off": ask(SOFTWARE[:-4]),
        "CHANGE-REQUEST of RFC 5780": ask(struct.pack(">HHI", 3, 4, 6) + SOFTWARE),
    }
    return [
        {"comment": comment, "question": asked.hex(), "from": str(address), **_said(answer(asked, address))}
        for address in SEEN_AS
        for comment, asked in cases.items()
    ]


def _said(said: bytes | Refusal) -> Vector:
    return {"outcome": str(said)} if isinstance(said, Refusal) else {"outcome": "success", "answer": said.hex()}


def main() -> None:
    """Write the file."""
    text = json.dumps({"streams": streams(), "stun": questions()}, indent=1)
    PATH.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
