import pytest

from idas_p2p.dicom.dialogue import Stop
from idas_p2p.dicom.get_request import sop_classes
from idas_p2p.wire.instance import Selection
from tests.dicom.archives import Archive

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"


@pytest.mark.interop
@pytest.mark.parametrize("name", ["orthanc", "dcmqrscp"])
def test_an_archive_tells_the_storage_classes_of_a_study(name: str, request: pytest.FixtureRequest) -> None:
    archive: Archive = request.getfixturevalue(name)
    study = archive.studies[0]
    assert ULTRASOUND in sop_classes(archive.remote, Selection(study_uid=study.study_uid), Stop())


@pytest.mark.interop
def test_a_study_that_is_not_there_has_no_classes(orthanc: Archive) -> None:
    assert sop_classes(orthanc.remote, Selection(study_uid="1.2.3"), Stop()) == []
