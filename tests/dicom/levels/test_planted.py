"""Identifiers planted in real objects, in the ten classes of the MIDI-B benchmark: none is left, and all else stays."""

from __future__ import annotations

import copy
import datetime
import io
import warnings
from dataclasses import replace

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from idas_p2p.access.levels import DEIDENTIFIED, OBSCURED
from idas_p2p.dicom.convert import inflated
from idas_p2p.dicom.levels.table import table
from idas_p2p.dicom.part10 import write_part10
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.level import BurnedIn, Level, Option, Region
from tests.dicom.levels.objects import ct_slice, decoded, encoded, engine, item, levelled, sample

WHO, NUMBER = "Quackenbush^Philomena", "QX7730915"
TEXT = f"seen Philomena QUACKENBUSH ({NUMBER}) here"
SHARED = replace(
    DEIDENTIFIED,
    name="own",
    options=frozenset({Option.CLEAN_DESCRIPTORS, Option.RETAIN_MODIFIED_DATES, Option.RETAIN_SAFE_PRIVATE}),
    burned_in=BurnedIn.ALLOW,
)
FILES = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "rtplan.dcm", "rtdose.dcm",
    "liver_1frame.dcm", "reportsi.dcm", "test-SR.dcm", "image_dfl.dcm", "waveform_ecg.dcm", "SC_rgb.dcm",
    "JPEG2000.dcm", "MR_small_RLE.dcm", "emri_small_jpeg_ls_lossless.dcm", "693_J2KI.dcm", "examples_overlay.dcm",
    "ExplVR_BigEnd.dcm", "eCT_Supplemental.dcm", "color3d_jpeg_baseline.dcm",
)  # fmt: skip

TEXTS = """
    AccessionNumber InstitutionName InstitutionAddress ReferringPhysicianAddress
    ReferringPhysicianTelephoneNumbers StationName StudyDescription SeriesDescription
    InstitutionalDepartmentName AdmittingDiagnosesDescription DerivationDescription IssuerOfPatientID
    MedicalRecordLocator PatientAddress MilitaryRank BranchOfService PatientTelephoneNumbers EthnicGroup
    Occupation AdditionalPatientHistory PatientReligiousPreference PatientComments DeviceSerialNumber
    ProtocolName AcquisitionDeviceProcessingDescription AcquisitionComments StudyID ImageComments
    RequestingService RequestedProcedureDescription RequestedContrastAgent StudyComments AdmissionID
    CurrentPatientLocation PatientInstitutionResidence PatientState VisitComments PerformedLocation
    PerformedProcedureStepID PerformedProcedureStepDescription CommentsOnThePerformedProcedureStep
    RequestedProcedureID PlacerOrderNumberImagingServiceRequest ImagingServiceRequestComments
    ConfidentialityConstraintOnPatientDataDescription MedicalAlerts Allergies CountryOfResidence
    PatientBirthName OtherPatientIDs ClinicalTrialSubjectID ClinicalTrialSiteName
""".split()  # noqa: SIM905 - as words
NAMES = """
    PatientName OtherPatientNames PatientMotherBirthName ReferringPhysicianName PhysiciansOfRecord
    PerformingPhysicianName NameOfPhysiciansReadingStudy OperatorsName RequestingPhysician OrderEnteredBy
    ScheduledPerformingPhysicianName NamesOfIntendedRecipientsOfResults ContentCreatorName ResponsiblePerson
""".split()  # noqa: SIM905 - as words
UNEXPECTED = {
    "ConvolutionKernel": f"{NUMBER} X",
    "ScanOptions": "PHILOMENA QUACKENBUSH",
    "PulseSequenceName": NUMBER,
    "ContrastBolusRoute": TEXT[:40],
}
"""Attributes of no row of the table."""
MARKS = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280301, 0x00280303})  # what an object says of itself


def _sequences(ds: Dataset) -> None:
    ds.RequestAttributesSequence = item(RequestedProcedureDescription=TEXT, ScheduledProcedureStepDescription=TEXT)
    ds.ReferencedStudySequence = item(ReferencedSOPInstanceUID=ds.StudyInstanceUID, StudyDescription=TEXT)
    deep = item(PersonName=WHO, TextValue=TEXT, ReferencedStudySequence=item(PatientID=NUMBER, PatientComments=TEXT))
    ds.ContentSequence = item(ValueType="CONTAINER", ContentSequence=deep)
    ds.OtherPatientIDsSequence = item(PatientID=NUMBER)
    ds.ReferringPhysicianIdentificationSequence = item(PersonAddress=TEXT, PersonTelephoneNumbers=NUMBER)
    ds.OriginalAttributesSequence = item(ModifiedAttributesSequence=item(PatientName=WHO))
    ds.ViewCodeSequence = item(CodeValue="V1", CodingSchemeDesignator="99X", CodeMeaning=f"view of {WHO}")


def _private(ds: Dataset) -> None:
    safe = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
    safe.add_new(0x9E, "LO", f"FSE {WHO}")  # safe, and yet
    ours = ds.private_block(0x0041, "QUITE OURS", create=True)
    ours.add_new(0x01, "LO", TEXT)
    ours.add_new(0x02, "OB", b"\0\1" + TEXT.encode() + b"\2")
    ours.add_new(0x03, "SQ", item(PatientName=WHO, StudyComments=TEXT))
    ours.add_new(0x04, "UN", WHO.encode() + b" ")


def _overlay(ds: Dataset) -> None:
    ds.add_new(0x60004000, "LT", TEXT)
    ds.add_new(0x60003000, "OW", TEXT.encode().ljust(64))
    ds.add_new(0x60000022, "LO", TEXT)
    ds.add_new(0x50000005, "US", 1)
    ds.add_new(0x50003000, "OW", TEXT.encode().ljust(64))


def planted(name: str) -> tuple[Dataset, Dataset, Instance]:
    """A real object, the same with identifiers everywhere, and that encoded."""
    source = sample(name)
    before = decoded(source)
    before.PatientName, before.PatientID, before.PatientBirthDate = WHO, NUMBER, "19440229"
    ds = copy.deepcopy(before)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # identifiers stand where none belong, and do not fit
        for keyword in TEXTS:
            setattr(ds, keyword, NUMBER if dictionary_VR(keyword) in ("SH", "CS", "AE") else TEXT[:60])
        for keyword in NAMES:
            setattr(ds, keyword, WHO)
        for keyword, value in UNEXPECTED.items():
            setattr(ds, keyword, value)
        for plant in (_sequences, _private, _overlay):
            plant(ds)
        return before, ds, encoded(ds, source.transfer_syntax_uid)


def bytes_of(instance: Instance) -> bytes:
    """Everything that leaves the node as a file, meta information included, inflated and in lower case."""
    file = io.BytesIO()
    write_part10(instance, file)
    data = instance.data.read()
    is_deflated = instance.transfer_syntax_uid == DeflatedExplicitVRLittleEndian
    return (file.getvalue() + (inflated(data) if is_deflated else b"")).lower()


@pytest.mark.parametrize("level", [replace(DEIDENTIFIED, burned_in=BurnedIn.ALLOW), SHARED], ids=lambda one: one.name)
@pytest.mark.parametrize("name", FILES)
def test_no_identifier_planted_anywhere_is_left(name: str, level: Level) -> None:
    _, ds, instance = planted(name)
    data = bytes_of(engine(level).apply(instance))
    wanted = [b"quackenbush", b"philomena", b"7730915", b"19440229", str(ds.StudyInstanceUID).encode()]
    assert [one for one in wanted if one in data] == []


@pytest.mark.parametrize("name", FILES)
def test_no_name_planted_anywhere_is_left_when_obscured(name: str) -> None:
    _, ds, instance = planted(name)
    data = bytes_of(engine(OBSCURED).apply(instance))
    assert [one for one in (b"quackenbush", b"philomena") if one in data] == []
    assert str(ds.StudyInstanceUID).encode() in data


def test_more_than_sixty_kinds_of_identifiers_are_planted() -> None:
    before, ds, _ = planted("CT_small.dcm")
    kinds = {element.tag for element in ds.iterall()} - {element.tag for element in before.iterall()}
    assert len(kinds | {ds.data_element(keyword).tag for keyword in (*TEXTS, *NAMES)}) >= 60  # type: ignore[union-attr]


@pytest.mark.parametrize("name", FILES)
def test_what_the_standard_says_nothing_of_is_retained(name: str) -> None:
    before = decoded(sample(name))
    shown = decoded(engine(SHARED).apply(encoded(before, sample(name).transfer_syntax_uid)))
    rows = table().rows
    kept = [one for one in before if one.tag not in rows and not one.tag.is_private and one.VR not in ("SQ", "PN")]
    kept = [one for one in kept if one.tag.group not in (0x5000, 0x6000) and one.tag not in MARKS and one.tag.element]
    assert len(kept) > 5
    assert [one.tag for one in kept if one.tag not in shown or str(shown[one.tag].value) != str(one.value)] == []


def series(number: int, patient: str = NUMBER, **attributes: object) -> Dataset:
    """One of several images of a patient."""
    own = {"SOPInstanceUID": f"1.2.3.4.{number}", "PatientID": patient, "PatientName": WHO, **attributes}
    return ct_slice(**own)


def test_text_that_identifies_nobody_is_retained_and_what_does_is_removed() -> None:
    shown = levelled(series(1, StudyDescription="CT CHEST W/O CONTRAST 5.0mm", SeriesDescription=TEXT), SHARED)
    assert shown.StudyDescription == "CT CHEST W/O CONTRAST 5.0mm"
    assert shown.SeriesDescription == "seen () here"


def test_what_must_have_a_value_is_not_null() -> None:
    shown = levelled(series(1), SHARED)
    assert all(shown[keyword].value for keyword in ("PatientName", "PatientID", "StudyDate", "StudyInstanceUID"))


def test_dates_are_shifted_alike_in_all_series_of_a_patient() -> None:
    one, two = (levelled(series(number, StudyDate=f"202301{number:02}"), SHARED).StudyDate for number in (10, 20))
    first, second = (datetime.date.fromisoformat(day) for day in (one, two))
    assert first != datetime.date(2023, 1, 10)
    assert (second - first).days == 10


def test_uids_are_changed_and_references_between_instances_hold() -> None:
    target = series(1)
    pointing = series(2, ReferencedImageEvidenceSequence=item(ReferencedSOPInstanceUID=target.SOPInstanceUID))
    shown, pointing = levelled(target, SHARED), levelled(pointing, SHARED)
    assert shown.SOPInstanceUID != target.SOPInstanceUID
    assert pointing.ReferencedImageEvidenceSequence[0].ReferencedSOPInstanceUID == shown.SOPInstanceUID
    assert (pointing.StudyInstanceUID, pointing.SeriesInstanceUID) == (shown.StudyInstanceUID, shown.SeriesInstanceUID)


def test_a_patient_keeps_one_number_and_two_patients_keep_two() -> None:
    one, again, other = (
        levelled(series(number, patient), SHARED).PatientID for number, patient in ((1, "A"), (2, "A"), (3, "B"))
    )
    assert one == again != other


def test_pixels_are_hidden_where_a_template_says_and_retained_elsewhere() -> None:
    boxed = replace(SHARED, regions=(Region(modality="CT", boxes=((0, 0, 1, 1),)),))
    assert levelled(series(1), boxed).PixelData == b"\0\0" + ct_slice().PixelData[2:]
    assert levelled(series(1), SHARED).PixelData == ct_slice().PixelData
