"""Archives that several tests ask: started once, filled with the same studies."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from idas_p2p.dicom.bridge import Bridge
from tests.dicom.archives import Archive, remote
from tools.dcmqrscp import Dcmqrscp
from tools.images import StudyFiles, shipped, write_ultrasound
from tools.orthanc import Orthanc, find_orthanc
from tools.programs import free_port

COMPRESSED = ("JPEG-LL.dcm", "MR_small_RLE.dcm", "693_J2KI.dcm", "SC_rgb_jpeg_gdcm.dcm", "image_dfl.dcm")


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyFiles, ...]:
    folder = tmp_path_factory.mktemp("studies")
    named = write_ultrasound(folder / "us", slices=12, patient_name="Müller^Jörg", character_set="ISO_IR 100")
    return (named, *shipped(*COMPRESSED))


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory, studies: tuple[StudyFiles, ...]) -> Iterator[Archive]:
    if find_orthanc() is None:
        if os.environ.get("IDAS_REQUIRE_PEERS"):
            pytest.fail("Orthanc is required, and not installed")
        pytest.skip("Orthanc is not installed")
    node_port = free_port()
    archive = Orthanc(tmp_path_factory.mktemp("orthanc") / "pacs", modalities={"IDAS": ("127.0.0.1", node_port)})
    archive.start()
    try:
        archive.fill([path for study in studies for path in study.files])
        yield Archive(remote(archive.aet, archive.dicom_port), node_port, studies, archive.web_url)
    finally:
        archive.stop()


@pytest.fixture(scope="session")
def dcmqrscp(tmp_path_factory: pytest.TempPathFactory, studies: tuple[StudyFiles, ...]) -> Iterator[Archive]:
    node_port = free_port()
    archive = Dcmqrscp(tmp_path_factory.mktemp("dcmqrscp") / "pacs", node_port=node_port, options=["+xs", "-xs"])
    archive.fill([*studies[0].files, *studies[1].files])  # it takes one compression only, JPEG lossless of the second
    archive.start()
    try:
        yield Archive(remote(archive.aet, archive.port), node_port, studies[:2])
    finally:
        archive.stop()


@pytest.fixture(params=["orthanc", "dcmqrscp"])
def archive(request: pytest.FixtureRequest) -> Archive:
    found: Archive = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    made = Bridge(threads=8)
    yield made
    await made.close()
