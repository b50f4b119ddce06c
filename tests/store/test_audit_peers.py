"""What is kept of peers beside the audit log."""

from __future__ import annotations

from pathlib import Path

from idas_p2p.store.audit_peers import OWN, PeerFiles
from tests.access.audit.logs import KEY, PEER


def test_what_was_written_last_is_read_back(tmp_path: Path) -> None:
    files = PeerFiles(tmp_path)
    assert files.read(PEER.node_id) is None
    files.write(PEER.node_id, b"one")
    files.write(PEER.node_id, b"two")
    files.write(KEY.node_id, b"three")
    files.write(OWN, b"four")
    assert files.read(OWN) == b"four"
    assert dict(files.all()) == {PEER.node_id: b"two", KEY.node_id: b"three"}


def test_the_files_are_the_owners_alone_and_name_no_patient(tmp_path: Path) -> None:
    files = PeerFiles(tmp_path)
    files.write(PEER.node_id, b"one")
    (path,) = (tmp_path / "peers").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.name == str(PEER.node_id)


def test_a_folder_without_peers_has_none(tmp_path: Path) -> None:
    assert list(PeerFiles(tmp_path).all()) == []
