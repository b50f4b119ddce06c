"""Write tests/vectors/noise*.json with the independent `noiseprotocol` package: python -m tools.make_noise_vectors.

noise.json has the form of the vectors which Noise implementations exchange (cacophony), with an outcome for each.
noise_channel.json has whole handshakes of this project: identities, payloads, messages, keys. All keys are counted, not
random, so that a run writes the same files again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from noise.connection import Keypair, NoiseConnection  # type: ignore[import-untyped]

from idas_p2p.crypto.keys import SigningKey, x25519_public
from idas_p2p.wire.handshake import Hello, Introduction, Purpose

VECTORS = Path(__file__).parents[1] / "tests/vectors"
SOURCE = "noiseprotocol 0.3.1"
PATTERNS = ("XK", "XKpsk3")
PAYLOADS = ((b"", b"", b""), (b"first", b"second", b"third"), (bytes(64), bytes(65), bytes(range(256))))
TRANSPORT = (b"initiator speaks", b"responder answers")


def counted_key(number: int) -> bytes:
    """32 bytes that nobody could have chosen to fit."""
    return hashlib.sha256(b"idas_p2p noise vector %d" % number).digest()


def connection(pattern: str, number: int, *, initiator: bool) -> NoiseConnection:
    """One side, with all its keys set."""
    ours = 0 if initiator else 2
    side = NoiseConnection.from_name(f"Noise_{pattern}_25519_ChaChaPoly_BLAKE2b".encode())
    (side.set_as_initiator if initiator else side.set_as_responder)()
    side.set_prologue(b"prologue %d" % number)
    side.set_keypair_from_private_bytes(Keypair.STATIC, counted_key(10 * number + ours))
    side.set_keypair_from_private_bytes(Keypair.EPHEMERAL, counted_key(10 * number + ours + 1))
    if initiator:
        responder = connection(pattern, number, initiator=False)
        side.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, responder.noise_protocol.keypairs["s"].public_bytes)
    if pattern.endswith("psk3"):
        side.set_psks(counted_key(10 * number + 4))
    return side


def vector(pattern: str, number: int, payloads: tuple[bytes, bytes, bytes]) -> dict[str, Any]:
    """Run one handshake and one message each way."""
    one, other = connection(pattern, number, initiator=True), connection(pattern, number, initiator=False)
    one.start_handshake()
    other.start_handshake()
    messages = []
    for payload, (writer, reader) in zip(payloads, ((one, other), (other, one), (one, other)), strict=True):
        ciphertext = bytes(writer.write_message(payload))
        if bytes(reader.read_message(ciphertext)) != payload:
            raise SystemExit("the two sides of noiseprotocol disagree")
        messages.append({"payload": payload.hex(), "ciphertext": ciphertext.hex()})
    for payload, writer in zip(TRANSPORT, (one, other), strict=True):
        messages.append({"payload": payload.hex(), "ciphertext": bytes(writer.encrypt(payload)).hex()})
    return {
        "protocol_name": f"Noise_{pattern}_25519_ChaChaPoly_BLAKE2b",
        "prologue": (b"prologue %d" % number).hex(),
        "psk": counted_key(10 * number + 4).hex() if pattern.endswith("psk3") else "",
        "init_static": counted_key(10 * number).hex(),
        "init_ephemeral": counted_key(10 * number + 1).hex(),
        "init_remote_static": one.noise_protocol.keypairs["rs"].public_bytes.hex(),
        "resp_static": counted_key(10 * number + 2).hex(),
        "resp_ephemeral": counted_key(10 * number + 3).hex(),
        "handshake_hash": bytes(one.get_handshake_hash()).hex(),
        "messages": messages,
        "outcome": "success",
    }


def channel_vector(purpose: Purpose, number: int) -> dict[str, Any]:
    """A handshake of docs/spec/transport.md section 3 between two identities."""
    dialer, dialled = SigningKey(counted_key(10 * number)), SigningKey(counted_key(10 * number + 2))
    psk, psk_id = counted_key(10 * number + 4), counted_key(10 * number + 5)[:8]
    sides = []
    for identity, ephemeral in ((dialer, 1), (dialled, 3)):
        side = NoiseConnection.from_name(b"Noise_XKpsk3_25519_ChaChaPoly_BLAKE2b")
        side.set_prologue(b"idas_p2p channel")
        side.set_keypair_from_private_bytes(Keypair.STATIC, identity.x25519_secret())
        side.set_keypair_from_private_bytes(Keypair.EPHEMERAL, counted_key(10 * number + ephemeral))
        side.set_psks(psk)
        sides.append(side)
    one, other = sides
    one.set_as_initiator()
    one.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, x25519_public(dialled.node_id))
    other.set_as_responder()
    hello = Hello(purpose=purpose, psk_id=psk_id).to_bytes()
    introduction = Introduction(node_id=dialer.node_id).to_bytes()
    for side in sides:
        side.start_handshake()
    messages = []
    for payload, writer, reader in ((hello, one, other), (b"", other, one), (introduction, one, other)):
        messages.append(bytes(writer.write_message(payload)))
        reader.read_message(messages[-1])
    return {
        "purpose": purpose,
        "psk_id": psk_id.hex(),
        "psk": psk.hex(),
        "dialer_seed": counted_key(10 * number).hex(),
        "dialer_ephemeral": counted_key(10 * number + 1).hex(),
        "dialled_seed": counted_key(10 * number + 2).hex(),
        "dialled_ephemeral": counted_key(10 * number + 3).hex(),
        "hello": hello.hex(),
        "introduction": introduction.hex(),
        "messages": [message.hex() for message in messages],
        "dialer_sends_with": one.noise_protocol.cipher_state_encrypt.k.hex(),
        "dialled_sends_with": other.noise_protocol.cipher_state_encrypt.k.hex(),
        "transcript": bytes(one.get_handshake_hash()).hex(),
        "channel_name": channel_name(bytes(one.get_handshake_hash())).hex(),
        "outcome": "success",
    }


def channel_name(transcript: bytes) -> bytes:
    """What both ends call the channel that a handshake opens; docs/spec/transport.md section 11."""
    empty_list = b"\x90"
    return hashlib.blake2b(empty_list, digest_size=32, key=transcript, person=b"idas channel").digest()


def spoiled(good: dict[str, Any], message: int, position: int) -> dict[str, Any]:
    """The same handshake with one bit of one message changed; it must fail at that message."""
    bad: dict[str, Any] = json.loads(json.dumps(good))
    ciphertext = bytearray.fromhex(bad["messages"][message]["ciphertext"])
    ciphertext[position] ^= 1
    bad["messages"] = bad["messages"][: message + 1]
    bad["messages"][message]["ciphertext"] = ciphertext.hex()
    return {**bad, "handshake_hash": "", "outcome": f"refused_at_message_{message + 1}"}


def main() -> None:
    """Write the file."""
    good = [
        vector(pattern, number, payloads) for pattern in PATTERNS for number, payloads in enumerate(PAYLOADS, start=1)
    ]
    psk = next(v for v in good if "psk3" in v["protocol_name"] and v["messages"][0]["payload"])
    bad = [spoiled(psk, message, position) for message, position in ((0, 0), (0, -1), (1, 0), (1, -1), (2, 0), (2, -1))]
    write("noise.json", good + bad)
    write("noise_channel.json", [channel_vector(purpose, 90 + number) for number, purpose in enumerate(Purpose)])


def write(name: str, vectors: list[dict[str, Any]]) -> None:
    """Write one file of vectors."""
    (VECTORS / name).write_text(json.dumps({"source": SOURCE, "vectors": vectors}, indent=1) + "\n")


if __name__ == "__main__":
    main()
