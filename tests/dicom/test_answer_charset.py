from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_charset_files
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pynetdicom.dsutils import decode, encode

from idas_p2p.dicom.answer_charset import answer_charset
from idas_p2p.dicom.identifiers import nested_reader, query_from_dataset, response_dataset
from idas_p2p.dicom.matching import matches
from idas_p2p.dicom.part10 import scan_part10
from idas_p2p.wire.study import Study

FILES = [Path(path) for path in sorted(get_charset_files("*.dcm"))]
NESTED = {"chrSQEncoding.dcm", "chrSQEncoding1.dcm"}  # their names are inside sequences
SETS = ["ISO_IR 13", "ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 126", "ISO_IR 127", "ISO_IR 138"]
SETS += ["ISO_IR 144", "ISO_IR 148", "ISO_IR 166", "ISO_IR 192", "GB18030", "GBK", "\\ISO 2022 IR 87"]
SETS += ["ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159", "\\ISO 2022 IR 149", "\\ISO 2022 IR 58", "nonsense", ""]


def sent(ds: Dataset) -> Dataset:
    """What arrives of an identifier at the other end."""
    encoded = encode(ds, False, True)
    assert encoded is not None
    return decode(BytesIO(encoded), False, True)


@pytest.mark.parametrize("path", [path for path in FILES if path.name not in NESTED], ids=lambda path: path.name)
def test_a_file_is_found_by_its_own_name_in_its_own_set_and_answered_in_it(path: Path) -> None:
    ds = dcmread(path, stop_before_pixels=True)
    raw = ds.get_item("PatientName").value
    asked = Dataset()
    asked.QueryRetrieveLevel, asked.StudyInstanceUID = "STUDY", ""
    asked.SpecificCharacterSet = ds.SpecificCharacterSet
    asked[0x00100010] = RawDataElement(Tag("PatientName"), "PN", len(raw), raw, 0, False, True)
    _, header = scan_part10(path)
    assert matches(query_from_dataset(sent(asked)), header.study)
    answer = sent(response_dataset(header.study, sent(asked), retrieve_aet="IDAS"))
    assert str(answer.PatientName) == str(ds.PatientName)
    if not header.study.patient_name.isascii():
        sets = [value or "ISO 2022 IR 6" for value in _values(ds)]
        assert [value or "ISO 2022 IR 6" for value in _values(answer)] == sets


def _values(ds: Dataset) -> list[str]:
    value = ds.SpecificCharacterSet
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize("name", sorted(NESTED))
def test_text_inside_a_sequence_is_read_in_the_set_of_the_whole(name: str) -> None:
    ds = dcmread(next(path for path in FILES if path.name == name))
    (sequence,) = [element for element in ds if element.VR == "SQ"]
    (item,) = sequence.value
    assert nested_reader(ds)(f"{sequence.keyword}.PatientName") == str(item.PatientName)


@pytest.mark.parametrize(
    ("text", "requested", "chosen"),
    [
        ("plain", "ISO_IR 100", ""),
        ("Müller", "ISO_IR 100", "ISO_IR 100"),
        ("Müller", "ISO 2022 IR 100", "ISO 2022 IR 100"),
        ("Müller", "", "ISO_IR 192"),
        ("Müller", "ISO_IR 144", "ISO_IR 192"),
        ("Müller 山", "ISO_IR 100", "ISO_IR 192"),
        ("Yamada=山田", "\\ISO 2022 IR 87", "ISO 2022 IR 6\\ISO 2022 IR 87"),
        ("ﾔﾏﾀﾞ", "ISO_IR 13", "ISO_IR 13"),
        ("山田", "ISO_IR 13", "ISO_IR 192"),
        ("山田", "no such set", "ISO_IR 192"),
        ("Wang=王^小东=", "GB18030", "GB18030"),
    ],
)
def test_an_answer_is_in_the_set_of_the_request_where_that_can_hold_it(text: str, requested: str, chosen: str) -> None:
    assert answer_charset([(text, True)], requested) == chosen


NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zs", "Zl", "Zp"], exclude_characters="\\=^~"))


@given(name=NAMES, requested=st.sampled_from(SETS))
def test_whatever_set_is_chosen_the_same_name_arrives(name: str, requested: str) -> None:
    asked = Dataset()
    asked.QueryRetrieveLevel, asked.PatientName = "STUDY", ""
    asked.SpecificCharacterSet = requested.split("\\")
    answer = sent(response_dataset(Study(study_uid="1.2", patient_name=name), asked, retrieve_aet="IDAS"))
    assert str(answer.get("PatientName", "")) == name
