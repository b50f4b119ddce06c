from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dsutils import decode

from idas_p2p import limits
from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.framing import COMMAND, LAST, fragment_size, fragments, message_writes, store_answer, store_command


def read_back(stream: bytes) -> list[tuple[int, int, bytes]]:
    """Every PDV of a stream of P-DATA-TF PDUs."""
    found = []
    while stream:
        assert stream[0] == 0x04
        length = int.from_bytes(stream[2:6], "big")
        found += [(cid, control, bytes(part)) for cid, control, part in fragments(memoryview(stream[6 : 6 + length]))]
        stream = stream[6 + length :]
    return found


@given(st.binary(min_size=1, max_size=300), st.binary(max_size=3_000), st.integers(10, 400))
def test_a_message_reads_back_as_it_was_and_every_fragment_fits(command: bytes, data: bytes, fragment: int) -> None:
    stream = b"".join(message_writes(5, command, MemoryBlob(data), fragment=fragment))
    pdvs = read_back(stream)
    assert all(cid == 5 and len(part) <= fragment for cid, _, part in pdvs)
    assert b"".join(part for _, control, part in pdvs if control & COMMAND) == command
    assert b"".join(part for _, control, part in pdvs if not control & COMMAND) == data
    assert sum(bool(control & LAST) for _, control, _ in pdvs) == (2 if data else 1)


def test_a_large_message_is_written_in_pieces_of_bounded_size() -> None:
    writes = list(message_writes(1, b"c", MemoryBlob(bytes(3_000_000)), fragment=16_378))
    assert len(writes) > 4
    assert max(map(len, writes)) < 700_000


@given(st.binary(max_size=200))
def test_any_bytes_are_fragments_or_a_value_error(body: bytes) -> None:
    try:
        found = list(fragments(memoryview(body)))
    except ValueError:
        return
    assert sum(len(part) + 6 for _, _, part in found) == len(body)


@pytest.mark.parametrize(
    ("announced", "size"),
    [(16_384, 16_378), (0, limits.MAX_PDU_SIZE - 6), (None, limits.MAX_PDU_SIZE - 6), (3, 122)],
)
def test_fragments_fit_what_the_peer_announced(announced: int | None, size: int) -> None:
    assert fragment_size(announced) == size


def test_a_store_command_is_what_pydicom_reads() -> None:
    raw = store_command(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2", sop_instance_uid="1.2.3", message_id=7, originator=("ODD", 9)
    )
    command = decode(BytesIO(raw), True, True)
    assert command.CommandGroupLength == len(raw) - 12
    assert (command.CommandField, command.MessageID, command.AffectedSOPInstanceUID) == (1, 7, "1.2.3")
    assert (command.MoveOriginatorApplicationEntityTitle, command.MoveOriginatorMessageID) == ("ODD", 9)


def test_a_store_answer_is_what_pydicom_reads() -> None:
    raw = store_answer(sop_class_uid="1.2.3", sop_instance_uid="1.2.3.4", message_id=7, status=0xB000)
    command = decode(BytesIO(raw), True, True)
    assert command.CommandGroupLength == len(raw) - 12
    assert (command.CommandField, command.MessageIDBeingRespondedTo, command.Status) == (0x8001, 7, 0xB000)
    assert (command.AffectedSOPClassUID, command.AffectedSOPInstanceUID) == ("1.2.3", "1.2.3.4")
    assert command.CommandDataSetType == 0x0101
