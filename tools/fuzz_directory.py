"""Coverage-guided fuzzing of what the directory reads: python -m tools.fuzz_directory TARGET [-runs=N] [CORPUS].

Targets: record, payload, claim, datagram, padding, message, reply, journal, contacts, carriage, session. Needs
`pip install idas-p2p[fuzz]` (atheris). Anything but a value or the documented refusal stops the run, and libFuzzer
writes the input that did it. The corpus starts from the test vectors. Options after the target are libFuzzer's.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["idas_p2p", "msgpack"]):
    from idas_p2p.access.blinding import Blinder
    from idas_p2p.crypto.box import seal
    from idas_p2p.crypto.keys import SigningKey
    from idas_p2p.crypto.records import check_record, sign_record
    from idas_p2p.crypto.sessions import Sessions
    from idas_p2p.directory.carriage import FrameReader, frame
    from idas_p2p.directory.files import load_contacts
    from idas_p2p.directory.journal import Journal
    from idas_p2p.errors import BadSignature, WireError
    from idas_p2p.wire.datagrams import MAX_REPLY_SIZE, pad, parse_datagram, unpad
    from idas_p2p.wire.federation import InviteRecord, ManifestHeader, Secrets
    from idas_p2p.wire.records import NodeInfo, Record
    from idas_p2p.wire.rpc import (
        NUMBERS,
        FindNode,
        FindValue,
        Ping,
        ReplyMessage,
        RequestMessage,
        Store,
        decode_message,
        encode_request,
    )
    from idas_p2p.wire.schema import decode, encode

VECTORS = Path(__file__).parents[1] / "tests/vectors"
REQUESTS = (Ping(), FindNode(target=bytes(20)), FindValue(key=bytes(20), after=b""), Store(records=(b"x",)))
SCRATCH = Path(tempfile.mkdtemp()) / "journal"
PEER = ("192.0.2.1", 7_000)
SECRETS = Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"p" * 32)
PLACE = SigningKey(b"p" * 32)
SESSIONS = Sessions(SigningKey(bytes(32)), random_bytes=bytes)


def record(data: bytes) -> None:
    """A record is canonical, or a WireError; whether to believe it is a refusal by name or none."""
    read = Record.from_bytes(data)
    assert read.to_bytes() == data
    check_record(read, now=0.0)


def payload(data: bytes) -> None:
    """What members and nodes write into records is canonical; the first byte chooses which."""
    kind = (NodeInfo, ManifestHeader, InviteRecord)[data[0] % 3] if data else NodeInfo
    assert encode(decode(kind, data[1:], max_size=MAX_REPLY_SIZE)) == data[1:]


def claim(data: bytes) -> None:
    """What a member sealed at a place is a claim, or refused as no claim."""
    blinder = Blinder(SECRETS)
    sealed = seal(blinder.payload_key(PLACE.public), data[:512], pad_to=16)
    with contextlib.suppress(BadSignature):
        blinder.read_claim(sign_record(PLACE, PLACE, sealed, now=0.0))


def padding(data: bytes) -> None:
    """Only our own padding comes off."""
    assert pad(unpad(data)) == data


def contacts(data: bytes) -> None:
    """A damaged file of contacts counts as empty."""
    SCRATCH.write_bytes(data)
    load_contacts(SCRATCH)


def carriage(data: bytes) -> None:
    """A stream is frames, however it is cut, and these are written as they were read; the first byte cuts it."""
    reader, cut = FrameReader(), data[0] if data else 0
    found = [*reader.feed(data[1 : 1 + cut]), *reader.feed(data[1 + cut :])]
    assert data[1:].startswith(b"".join(frame(endpoint, datagram) for endpoint, datagram in found))


def datagram(data: bytes) -> None:
    """So is a datagram."""
    assert parse_datagram(data).to_bytes() == data


def message(data: bytes) -> None:
    """So is a request."""
    read = decode_message(data[:MAX_REPLY_SIZE])
    if isinstance(read, RequestMessage):
        assert encode_request(read.request_id, read.request, is_server=read.is_server) == data[:MAX_REPLY_SIZE]
        assert type(read.request) in NUMBERS


def reply(data: bytes) -> None:
    """A reply is one to the question that was asked, or a WireError; the first byte chooses the question."""
    read = decode_message(data[1 : MAX_REPLY_SIZE + 1])
    if isinstance(read, ReplyMessage):
        read.read(REQUESTS[data[0] % len(REQUESTS)])


def journal(data: bytes) -> None:
    """A damaged journal yields what is whole before the damage."""
    SCRATCH.write_bytes(data)
    list(Journal(SCRATCH).read())


def session(data: bytes) -> None:
    """Whatever comes is dropped by a name, and nothing longer goes back."""
    got = SESSIONS.receive(data, PEER, now=0.0)
    assert len(got.reply or b"") <= len(data)
    assert got.message is None


TARGETS: dict[str, tuple[Callable[[bytes], None], str, str]] = {
    "record": (record, "records", "record"),
    "payload": (payload, "records", "record"),
    "claim": (claim, "claims", "record"),
    "padding": (padding, "datagrams", "message"),
    "contacts": (contacts, "records", "record"),
    "carriage": (carriage, "datagrams", "datagram"),
    "datagram": (datagram, "datagrams", "datagram"),
    "message": (message, "rpc", "request"),
    "reply": (reply, "rpc", "reply"),
    "journal": (journal, "records", "record"),
    "session": (session, "datagrams", "datagram"),
}


def seeds(suite: str, field: str) -> Path:
    """A folder with the inputs of a suite of vectors."""
    folder = Path(tempfile.mkdtemp())
    for number, vector in enumerate(json.loads((VECTORS / f"{suite}.json").read_text())["vectors"]):
        (folder / str(number)).write_bytes(bytes.fromhex(vector.get(field, "")))
    return folder


def main() -> None:
    """Run one target."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tools.fuzz_directory {{{','.join(TARGETS)}}} [-runs=N] [CORPUS]")
    run, suite, field = TARGETS[sys.argv.pop(1)]

    def one_input(data: bytes) -> None:
        try:
            run(data)
        except WireError:
            return

    atheris.Setup([*sys.argv, str(seeds(suite, field))], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
