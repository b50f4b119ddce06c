from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from idas_p2p.errors import SpoolFull, StorageRefused
from idas_p2p.store.files import NewFile, make_folder


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path, durable: bool) -> None:
    file = NewFile(tmp_path / "image")
    file.write(b"one")
    file.write(b"two")
    assert not (tmp_path / "image").exists()
    file.keep(durable=durable)
    assert [path.name for path in tmp_path.iterdir()] == ["image"]
    assert (tmp_path / "image").read_bytes() == b"onetwo"


@pytest.mark.parametrize("kept", [True, False])
def test_a_discarded_file_leaves_nothing(tmp_path: Path, kept: bool) -> None:
    file = NewFile(tmp_path / "image")
    file.write(b"one")
    if kept:
        file.keep(durable=False)
    file.discard()
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_can_read_files_and_enter_folders(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    NewFile(tmp_path / "a" / "b" / "image").keep(durable=False)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/image")]
    assert modes == [0o700, 0o700, 0o600]


def test_a_file_without_its_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageRefused, match="ENOENT"):
        NewFile(tmp_path / "missing" / "image")


def test_a_full_disk_is_named_and_discarding_frees_it(small_disk: Path) -> None:
    file = NewFile(small_disk / "image")
    with pytest.raises(SpoolFull, match="ENOSPC"):
        file.write(bytes(2_000_000))
    file.discard()
    again = NewFile(small_disk / "image")
    again.write(bytes(900_000))
    again.keep(durable=True)


def test_a_file_larger_than_the_system_allows_is_named() -> None:
    script = (
        "import resource, sys, tempfile; from pathlib import Path\n"
        "from idas_p2p.errors import SpoolFull; from idas_p2p.store.files import NewFile\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    file = NewFile(Path(folder) / 'image')\n"
        "    try: file.write(bytes(2000))\n"
        "    except SpoolFull as error: sys.exit(error.detail)\n"
        "    finally: file.discard()\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr.strip()) == (1, "EFBIG")
