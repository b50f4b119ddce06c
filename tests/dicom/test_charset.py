from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_charset_files

from idas_p2p.dicom.charset import codecs_of, decode

FILES = sorted(Path(path) for path in get_charset_files("*.dcm"))
KNOWN = [
    "", "ISO_IR 100", "ISO_IR 192", "GB18030", "ISO 2022 IR 87", "\\ISO 2022 IR 87", "\\ISO 2022 IR 149", "ISO_IR 13",
    "ISO 2022 IR 13\\ISO 2022 IR 87", "\\ISO 2022 IR 58", "ISO_IR 144", "ISO_IR 166", "nonsense", "GBK\\ISO_IR 100",
]  # fmt: skip


@pytest.mark.parametrize("path", [p for p in FILES if "SQEncoding" not in p.name], ids=lambda p: p.stem)
def test_names_of_the_sample_files_read_as_pydicom_reads_them(path: Path) -> None:
    ds = pydicom.dcmread(path)
    raw = ds.get_item("PatientName").value
    declared = ds.get("SpecificCharacterSet", "")
    codecs = codecs_of(declared if isinstance(declared, str) else "\\".join(declared))
    assert decode(raw, codecs, is_name=True).rstrip(" =") == str(ds.PatientName).rstrip(" =")


@pytest.mark.parametrize(
    ("declared", "raw", "text"),
    [
        ("ISO_IR 192", "Ωmega 山".encode(), "Ωmega 山"),
        ("ISO_IR 100", b"M\xfcller", "Müller"),
        ("", b"M\xfcller", "Müller"),  # not declared, and no UTF-8
        ("", "Müller".encode(), "Müller"),  # not declared, but nothing else is UTF-8 by accident
        ("ISO-IR 100", b"M\xfcller", "Müller"),
        ("iso 2022 ir 100", b"M\xfcller", "Müller"),
        ("GB18030", "王^小东".encode("gb18030"), "王^小东"),
        ("GBK", b"\x81\\", "乗"),  # its second byte is a backslash
        ("ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 144", b"\x1b-AB\xfcc^\x1b-L\xbb\xee", "Büc^Лю"),
        ("ISO 2022 IR 6\\ISO 2022 IR 149", b"\x1b$)C\xb1\xe8\xc8\xf1\xc1\xdf", "김희중"),
    ],
)
def test_text_is_decoded_by_the_declared_set(declared: str, raw: bytes, text: str) -> None:
    assert decode(raw, codecs_of(declared), is_name=True) == text


def test_a_caret_ends_a_code_extension_in_names_only() -> None:
    codecs = codecs_of("ISO_IR 100\\ISO 2022 IR 144")
    raw = b"\x1b-L\xbb^\xfc"
    assert decode(raw, codecs, is_name=True) == "Л^ü"
    assert decode(raw, codecs, is_name=False) == "Л^ќ"


@given(st.binary(max_size=64), st.sampled_from(KNOWN), st.booleans())
def test_any_bytes_decode_to_some_text(raw: bytes, declared: str, is_name: bool) -> None:
    assert isinstance(decode(raw, codecs_of(declared), is_name=is_name), str)


@given(st.text(max_size=40))
def test_any_declaration_gives_at_least_one_codec(declared: str) -> None:
    assert codecs_of(declared)
