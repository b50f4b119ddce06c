from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from idas_p2p.blob import FileBlob
from idas_p2p.dicom.part10 import read_part10, scan_part10, write_part10
from idas_p2p.errors import MalformedInstance
from tools.images import Encoded

NAMES = ["CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "image_dfl.dcm", "rtplan.dcm"]


def shipped(name: str) -> Path:
    return Path(str(get_testdata_file(name, download=False)))


@pytest.mark.parametrize("name", NAMES)
def test_the_data_set_of_a_file_is_its_bytes_after_the_meta_information(name: str) -> None:
    instance = read_part10(shipped(name))
    assert isinstance(instance.data, FileBlob)
    assert Encoded.of("", "", instance.data.read()).digest == Encoded.of_file(shipped(name)).digest
    assert instance.transfer_syntax_uid == pydicom.filereader.read_file_meta_info(shipped(name)).TransferSyntaxUID


@pytest.mark.parametrize("name", NAMES)
def test_a_file_written_again_holds_the_same_bytes(name: str, tmp_path: Path) -> None:
    instance = read_part10(shipped(name))
    copy = tmp_path / "copy.dcm"
    with copy.open("wb") as file:
        write_part10(instance, file)
    again = read_part10(copy)
    assert again.data.read() == instance.data.read()
    assert again.transfer_syntax_uid == instance.transfer_syntax_uid
    assert pydicom.dcmread(copy).SOPInstanceUID == instance.sop_instance_uid
    meta = pydicom.filereader.read_file_meta_info(copy)
    assert meta.MediaStorageSOPInstanceUID == instance.sop_instance_uid


def test_a_dicomdir_holds_no_instance() -> None:
    with pytest.raises(MalformedInstance):
        scan_part10(shipped("DICOMDIR"))


@pytest.mark.parametrize("content", [b"", b"some text", bytes(128) + b"DICM", bytes(128) + b"DICM\x02\x00"])
def test_other_files_are_malformed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(MalformedInstance):
        read_part10(path)


def test_a_file_half_written_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "half.dcm"
    path.write_bytes(shipped("CT_small.dcm").read_bytes()[:-5_000])
    with pytest.raises(MalformedInstance, match="cut short"):
        read_part10(path)


@given(st.integers(128, 500), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_reads_or_is_malformed(scratch: Path, place: int, damage: bytes) -> None:
    content = bytearray(shipped("CT_small.dcm").read_bytes())
    content[place : place + len(damage)] = damage
    path = scratch / "damaged.dcm"
    path.write_bytes(content)
    try:
        write_part10(read_part10(path), BytesIO())
    except MalformedInstance:
        return


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("part10")
