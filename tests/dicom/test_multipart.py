from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.dicom.multipart import MAX_HEADER_SIZE, Multipart, PartEnd, boundary_of
from idas_p2p.errors import ArchiveFailed
from tests.dicom.web_service import BOUNDARY, multipart_body


def parts_of(body: bytes, *, cut: int = 0) -> list[bytes]:
    """The parts of a body that arrives in pieces of `cut` bytes; 0: at once."""
    parser, parts, part = Multipart(BOUNDARY), list[bytes](), b""
    step = cut or max(1, len(body))
    for start in range(0, len(body), step):
        for event in parser.feed(body[start : start + step]):
            if isinstance(event, PartEnd):
                parts.append(part)
                part = b""
            else:
                assert event
                part += event
    parser.finish()
    return parts


CONTENTS = [b"one", b"", b"\r\n--almost a boundary\r\n", b"\r\n" * 5, bytes(300)]


@pytest.mark.parametrize("cut", [0, 1, 2, 7, 64])
def test_parts_come_out_as_they_were_put_in_however_the_body_is_cut(cut: int) -> None:
    assert parts_of(multipart_body(CONTENTS), cut=cut) == CONTENTS


@given(st.lists(st.binary(max_size=200).filter(lambda part: BOUNDARY.encode() not in part)), st.integers(1, 50))
def test_any_contents_come_out_as_they_were_put_in(contents: list[bytes], cut: int) -> None:
    assert parts_of(multipart_body(contents), cut=cut) == contents


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_are_parts_or_a_failed_archive(body: bytes, cut: int) -> None:
    try:
        parts_of(body, cut=cut)
    except ArchiveFailed:
        return


def test_headers_preamble_and_epilogue_are_no_contents() -> None:
    body = b"a preamble\r\n" + multipart_body([b"x"], headers=b"Content-Type: application/dicom\r\nX: y\r\n") + b"after"
    assert parts_of(body) == [b"x"]
    assert parts_of(body, cut=3) == [b"x"]


def test_space_after_a_boundary_is_allowed_and_anything_else_is_not() -> None:
    assert parts_of(f"--{BOUNDARY} \t\r\n\r\nx\r\n--{BOUNDARY}--".encode()) == [b"x"]
    with pytest.raises(ArchiveFailed, match="not the multipart"):
        parts_of(f"--{BOUNDARY}x\r\n\r\nx\r\n--{BOUNDARY}--".encode())


@pytest.mark.parametrize("kept", [0, 10, 60, -30, -3])
def test_a_body_that_is_cut_short_broke_off(kept: int) -> None:
    body = multipart_body([b"contents"])
    with pytest.raises(ArchiveFailed, match="broke off"):
        parts_of(body[:kept])


@pytest.mark.parametrize("begin", [b"", f"--{BOUNDARY}\r\n".encode()], ids=["preamble", "headers"])
def test_what_goes_before_the_contents_is_bounded(begin: bytes) -> None:
    with pytest.raises(ArchiveFailed, match="not the multipart"):
        parts_of(begin + b"h" * (MAX_HEADER_SIZE + 1))


@pytest.mark.parametrize(
    "content_type",
    [
        f"multipart/related; boundary={BOUNDARY}",
        f'Multipart/Related; type="application/dicom"; boundary="{BOUNDARY}"',
        f'multipart/related;boundary="{BOUNDARY}";transfer-syntax=1.2.840.10008.1.2.1',
    ],
)
def test_the_boundary_is_read_as_servers_write_it(content_type: str) -> None:
    assert boundary_of(content_type) == BOUNDARY


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/dicom",
        "text/html; boundary=x",
        "multipart/related",
        'multipart/related; boundary=""',
        f"multipart/related; boundary={'x' * 71}",
        "multipart/related; boundary=\xe4",
        "multipart/related; boundary*=utf-8''x",
    ],
)
def test_an_answer_of_another_type_is_refused(content_type: str) -> None:
    with pytest.raises(ArchiveFailed):
        boundary_of(content_type)
