"""Write tests/vectors/stream.json: python -m tools.make_stream_vectors.

One direction of a channel after its handshake: frames and what they say, in order, and frames that end it. Keys and
headers are counted, not random: every run writes the same bytes. docs/spec/transport.md section 4.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import nacl.bindings as sodium

PATH: Final = Path(__file__).parents[1] / "tests/vectors/stream.json"
KEY, HEADER = bytes(range(32)), bytes(range(100, 124))
MESSAGE, PUSH, REKEY, FINAL = (
    sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
    sodium.crypto_secretstream_xchacha20poly1305_TAG_PUSH,
    sodium.crypto_secretstream_xchacha20poly1305_TAG_REKEY,
    sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL,
)
Frame = tuple[int, bytes, str]  # tag, plain text, what it says

OPENING: Final[Frame] = (MESSAGE, b"", "message")
STREAMS: Final[dict[str, list[Frame]]] = {
    "messages and every mark": [
        OPENING,
        (MESSAGE, b"first", "message"),
        (PUSH, b"", "alive"),
        (REKEY, b"second, the last under its key", "message"),
        (PUSH, b"\1", "leave"),
        (MESSAGE, b"\1", "message"),
        (PUSH, b"\2", "numbered"),
        (FINAL, b"", "end"),
    ],
    "an end that carries something": [OPENING, (FINAL, b"x", "bad_signature")],
    "a mark that nobody knows": [OPENING, (PUSH, b"\x03", "bad_signature")],
    "a mark with something behind it": [OPENING, (PUSH, b"\1\0", "bad_signature")],
}


def sealed(frames: list[Frame]) -> list[dict[str, str]]:
    """The frames of one stream; reading and writing a stream begin alike, which gives a header of our choice."""
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, HEADER, KEY)
    return [
        {
            "sealed": sodium.crypto_secretstream_xchacha20poly1305_push(state, text, None, tag).hex(),
            "says": says,
            "text": text.hex() if says == "message" else "",
        }
        for tag, text, says in frames
    ]


def main() -> None:
    """Write the file."""
    streams: list[dict[str, Any]] = [
        {"comment": comment, "key": KEY.hex(), "header": HEADER.hex(), "frames": sealed(frames)}
        for comment, frames in STREAMS.items()
    ]
    PATH.write_text(json.dumps(streams, indent=1) + "\n")


if __name__ == "__main__":
    main()
