from __future__ import annotations

import gc
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p import limits
from idas_p2p.dicom.framing import COMMAND, LAST, store_command
from idas_p2p.dicom.messages import Message, Spill, received_blob

COMMAND_SET = store_command(sop_class_uid="1.2.3", sop_instance_uid="1.2.3.4", message_id=1, originator=None)
MEBIBYTE = bytes(1_048_576)


def begun(folder: Path | None) -> Message:
    message = Message(folder)
    assert not message.add(1, COMMAND | LAST, memoryview(COMMAND_SET))
    return message


def filled(message: Message, mebibytes: int) -> None:
    for _ in range(mebibytes):
        message.add(1, 0, memoryview(MEBIBYTE))


def test_a_message_is_complete_with_the_last_fragment_of_its_data_set() -> None:
    message = begun(None)
    assert not message.add(1, 0, memoryview(b"ab"))
    assert message.add(1, LAST, memoryview(b"cd"))
    request = message.finish()
    assert received_blob(request).read() == b"abcd"
    assert (request.MessageID, request.AffectedSOPInstanceUID, request.lost) == (1, "1.2.3.4", False)


def test_a_command_set_may_come_in_fragments() -> None:
    message = Message(None)
    assert not message.add(1, COMMAND, memoryview(COMMAND_SET[:20]))
    assert not message.add(1, COMMAND | LAST, memoryview(COMMAND_SET[20:]))
    assert message.add(1, LAST, memoryview(b""))


def test_data_before_its_command_is_refused() -> None:
    with pytest.raises(ValueError, match="command"):
        Message(None).add(1, 0, memoryview(b"x"))


def test_data_in_another_context_than_its_command_is_refused() -> None:
    with pytest.raises(ValueError, match="command"):
        begun(None).add(3, 0, memoryview(b"x"))


def test_an_endless_command_set_is_refused() -> None:
    with pytest.raises(ValueError, match="command set"):
        Message(None).add(1, COMMAND, memoryview(bytes(20_000)))


def test_a_large_data_set_is_in_a_file_that_goes_with_its_last_holder(tmp_path: Path) -> None:
    message = begun(tmp_path)
    size = limits.MEMORY_INSTANCE_SIZE // len(MEBIBYTE) + 2
    filled(message, size)
    message.add(1, LAST, memoryview(b"end"))
    request = message.finish()
    blob = received_blob(request)
    assert blob.size == size * len(MEBIBYTE) + 3
    assert blob.read(blob.size - 3) == b"end"
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o077 == 0
    del message, request, blob
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_message_given_up_leaves_no_file(tmp_path: Path) -> None:
    message = begun(tmp_path)
    filled(message, limits.MEMORY_INSTANCE_SIZE // len(MEBIBYTE) + 1)
    assert list(tmp_path.iterdir())
    message.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_that_cannot_be_kept_is_known_as_lost(tmp_path: Path) -> None:
    message = begun(tmp_path / "missing")
    filled(message, limits.MEMORY_INSTANCE_SIZE // len(MEBIBYTE) + 1)
    assert message.add(1, LAST, memoryview(b"x"))
    assert message.finish().lost


def test_a_full_disk_is_remembered_and_its_file_removed(tmp_path: Path) -> None:
    spill = Spill(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        spill.write(bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert spill.finish() is None
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=60)), max_size=6))
def test_any_fragments_make_a_message_or_an_exception_never_a_hang(parts: list[tuple[int, bytes]]) -> None:
    message = Message(None)
    try:
        for control, part in parts:
            if message.add(1, control, memoryview(part)):
                message.finish()
                return
    except Exception:
        pass
