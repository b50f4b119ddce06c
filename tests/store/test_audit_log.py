"""The files of the audit log: private, growing, never half a record."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from idas_p2p.access.audit.chain import digest_of, sign_segment, start
from idas_p2p.errors import NodeAlreadyRunning, SpoolFull, StorageRefused
from idas_p2p.store import audit_log
from idas_p2p.store.audit_log import AuditLog, segments
from tests.access.audit.logs import KEY, NOW

HEAD = sign_segment(KEY, start(KEY.node_id), now=NOW)
CHAIN = bytes(32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def read(folder: Path) -> list[bytes]:
    return [frame.body for segment in segments(folder) for frame in segment.frames()]


def test_records_are_there_for_others_as_soon_as_they_are_written(folder: Path) -> None:
    log = AuditLog(folder)
    log.begin(HEAD)
    log.append(b"one", CHAIN)
    log.append(b"two", CHAIN)
    assert read(folder) == [b"one", b"two"]
    log.close()


def test_the_folder_and_its_files_are_the_owners_alone(folder: Path) -> None:
    log = AuditLog(folder)
    log.begin(HEAD)
    log.append(b"one", CHAIN)
    log.close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_only_one_process_writes(folder: Path) -> None:
    log = AuditLog(folder)
    with pytest.raises(NodeAlreadyRunning):
        AuditLog(folder)
    log.close()
    AuditLog(folder).close()


def test_a_new_segment_takes_over_and_the_old_one_stays(folder: Path) -> None:
    log = AuditLog(folder)
    log.begin(HEAD)
    state = start(KEY.node_id).after(digest_of(b"one"))
    log.append(b"one", state.chain)
    log.begin(sign_segment(KEY, state, now=NOW))
    log.append(b"two", CHAIN)
    log.sync()
    log.close()
    assert [segment.head().before for segment in segments(folder)] == [0, 1]
    assert read(folder) == [b"one", b"two"]


def test_what_is_torn_at_the_end_is_set_aside_and_kept(folder: Path) -> None:
    log = AuditLog(folder)
    log.begin(HEAD)
    log.append(b"one", CHAIN)
    end = log.size
    log.close()
    (segment,) = segments(folder)
    with segment.path.open("ab") as file:
        file.write(b"\0\0\0\x09half")
    log = AuditLog(folder)
    assert log.resume(segment, end) == 8
    log.append(b"two", CHAIN)
    log.close()
    assert read(folder) == [b"one", b"two"]
    assert [path.read_bytes() for path in folder.glob("*.torn")] == [b"\0\0\0\x09half"]


def test_a_record_that_does_not_fit_on_the_disk_leaves_no_part_of_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(folder)
    log.begin(HEAD)
    log.append(b"one", CHAIN)
    size, write = log.size, os.write

    def full_after_five_bytes(file: int, data: bytes) -> int:
        if len(data) <= 5 or os.fstat(file).st_size > size:
            raise OSError(errno.ENOSPC, "no space")
        return write(file, data[:5])

    monkeypatch.setattr(audit_log.os, "write", full_after_five_bytes)
    with pytest.raises(SpoolFull):
        log.append(b"two", CHAIN)
    monkeypatch.undo()
    log.append(b"three", CHAIN)
    log.close()
    assert read(folder) == [b"one", b"three"]


def test_a_segment_that_was_dropped_is_gone(folder: Path) -> None:
    log = AuditLog(folder)
    log.begin(HEAD)
    log.drop(log.segments()[0])
    assert log.segments() == []
    log.close()


def test_nothing_is_written_before_a_segment_is_begun(folder: Path) -> None:
    log = AuditLog(folder)
    with pytest.raises(StorageRefused):
        log.append(b"one", CHAIN)
    log.close()


def test_file_names_tell_a_number_and_nothing_else(folder: Path) -> None:
    log = AuditLog(folder)
    log.begin(HEAD)
    log.close()
    assert {path.name for path in folder.iterdir()} == {"lock", "00000000000000000001.audit"}
