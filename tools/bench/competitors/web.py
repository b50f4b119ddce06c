"""DICOMweb: WADO-RS of the whole study from the hospital's Orthanc, each part stored as a file at the practice.

Source: PS3.18 section 10.4 (Retrieve Transaction), multipart/related of application/dicom.
"""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Mapping
from email.message import Message
from pathlib import Path
from typing import BinaryIO, Final

from tools.bench.competitors.base import NODE_TO_NODE, Changed, Competitor, Run
from tools.bench.competitors.dicom import PATIENCE
from tools.images import set_of_files

ACCEPT: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'  # as stored; PS3.18 section 8.7.3.5.2
_PIECE: Final = 1_048_576  # bytes from the socket to the file at once
_MAX_LINE: Final = 65_536  # bytes of one header of a part


class DicomWeb(Competitor):
    """A client at the practice retrieves the study in one request."""

    name, words, against = "dicomweb", "Orthanc DICOMweb, study retrieve", NODE_TO_NODE

    @property
    def _folder(self) -> Path:
        return self.course.folder / "from-web"

    def prepare(self, latest: Mapping[str, Run]) -> None:
        """Throw away what an earlier run stored."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def move(self) -> Run:
        """Retrieve and store."""
        url = f"{self.course.pacs.web_url}/studies/{self.course.study.study_uid}"
        request = urllib.request.Request(url, headers={"Accept": ACCEPT})  # noqa: S310 - http to our own process
        with self.course.practice.inside(), urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            store_parts(answer, answer.headers, self._folder)
        return Run()

    def check(self) -> None:
        """Compare every data set with the files."""
        received = set_of_files(sorted(self._folder.iterdir()))
        if received != self.course.study.encoded():
            raise Changed(f"{len(received)} data sets came by DICOMweb, not all as they were stored")


def store_parts(body: BinaryIO, headers: Message, folder: Path) -> int:
    """Write each part of a multipart body into a file of its own, as it comes; how many there were.

    Every part must tell its Content-Length, as Orthanc's do.

    Raises:
        Changed: the body is not multipart, ends early, or has a part without a length.
    """
    boundary = headers.get_param("boundary")
    if not boundary:
        raise Changed(f"the answer is {headers.get_content_type()}, not multipart")
    marker, count = b"--" + str(boundary).encode(), 0
    while True:
        line = body.readline(_MAX_LINE)
        if not line:
            raise Changed("the answer ended before its last boundary")
        if line.rstrip() == marker + b"--":
            return count
        if line.rstrip() == marker:
            with (folder / f"{count:06}.dcm").open("wb") as file:
                _copy(body, file, _length(body))
            count += 1


def _length(body: BinaryIO) -> int:
    """Read a part's headers; its length."""
    length = None
    while line := body.readline(_MAX_LINE).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length is None:
        raise Changed("a part does not tell its length")
    return length


def _copy(body: BinaryIO, file: BinaryIO, size: int) -> None:
    while size:
        piece = body.read(min(size, _PIECE))
        if not piece:
            raise Changed("the answer ended within a part")
        file.write(piece)
        size -= len(piece)
