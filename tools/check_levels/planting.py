"""Identifiers of made-up people, put wherever a real object may hold one: more than sixty kinds of places.

Law: every text that is planted holds a name or a number of the person; what is planted elsewhere is harmless, and must
stay. Belongs here: who, and where. Not here: what must become of it (judging.py).
Source of the kinds: PS3.15 Table E.1-1, and where hospitals found identifiers that no table expects.
"""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset, FileDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Person:
    """A patient who does not exist."""

    name: str
    number: str
    born: str  # YYYYMMDD
    is_ascii: bool = True

    @property
    def family(self) -> str:
        """Family name."""
        return self.name.split("^")[0]

    @property
    def given(self) -> str:
        """First given name."""
        return self.name.split("^")[1]

    @property
    def text(self) -> str:
        """Free text that gives the person away."""
        return self.said("ward 7")

    def said(self, where: str) -> str:
        """Such a text, another one for each place."""
        return f"seen {self.given} {self.family.upper()} ({self.number}) {where[:16]} here"

    @property
    def telephone(self) -> str:
        """Whom to call."""
        return f"+49 30 {self.born[4:]}-0{len(self.name)}"

    def needles(self, *, names_only: bool) -> list[bytes]:
        """What must be found nowhere; its ASCII letters in lower case."""
        year, month, day = self.born[:4], self.born[4:6], self.born[6:]
        numbers = [self.number, self.born, f"{day}.{month}.{year}", f"{year}-{month}-{day}"]
        words = [self.family, self.given, self.telephone] + ([] if names_only else numbers)
        forms = {form for word in words for form in (word, word.lower(), word.upper())}
        return sorted({form.encode(codec).lower() for form in forms for codec in ("utf_8", "latin_1")})


PEOPLE: Final = (
    Person("Quackenbush^Philomena", "QX7730915", "19440229"),
    Person("Featherstonhaw^Ptolemy^Q^Dr", "88-1203-77", "19710711"),
    Person("Oyelaranzu^Bukolamide", "ZZ/55120/B", "20010105"),
    Person("Grzebyszczyk^Wojciechowina", "pat.4470021", "19881230"),
    Person("Sjöbäckström^Åkeliina", "S-920177-4", "19590402", is_ascii=False),
    Person("Wachholtzer^Jürgenhard", "W7719932", "19660616", is_ascii=False),
)

TEXTS: Final = """
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
    OtherPatientIDs ClinicalTrialSubjectID ClinicalTrialSiteName DetectorID PerformedStationAETitle
    InsurancePlanIdentification RegionOfResidence SpecialNeeds ReasonForStudy TextComments
""".split()  # noqa: SIM905 - as words
NAMES: Final = """
    OtherPatientNames PatientMotherBirthName PatientBirthName ReferringPhysicianName PhysiciansOfRecord
    PerformingPhysicianName NameOfPhysiciansReadingStudy OperatorsName RequestingPhysician OrderEnteredBy
    ScheduledPerformingPhysicianName NamesOfIntendedRecipientsOfResults ContentCreatorName ResponsiblePerson
    ReviewerName VerifyingObserverName PersonName
""".split()  # noqa: SIM905 - as words
UNEXPECTED: Final[dict[str, Callable[[Person], str]]] = {
    "ConvolutionKernel": lambda who: who.number,
    "ScanOptions": lambda who: who.family.upper(),
    "PulseSequenceName": lambda who: f"{who.given} {who.family}",
    "ContrastBolusRoute": lambda who: who.text,
    "SequenceName": lambda who: who.family[:16],
    "ReceiveCoilName": lambda who: f"{who.family}_{who.given}",
    "TransmitCoilName": lambda who: who.given + who.family,
    "FilterMaterial": lambda who: f"born {who.born[6:]}.{who.born[4:6]}.{who.born[:4]}",
    "CollimatorType": lambda who: f"{who.born[:4]}-{who.born[4:6]}-{who.born[6:]}",
    "GridAbsorbingMaterial": lambda who: f"/data/{who.number}_{who.born}.dcm",
}
"""Attributes of no row of the table, in which people were found all the same."""
DATES: Final = """
    StudyDate SeriesDate AcquisitionDate ContentDate AcquisitionDateTime AdmittingDate PerformedProcedureStepStartDate
    LastMenstrualDate DateOfSecondaryCapture
""".split()  # noqa: SIM905 - as words
HARMLESS: Final = {"BodyPartExamined": "HEAD", "ImageType": ["ORIGINAL", "PRIMARY"], "KVP": "120"}  # must stay


_START_OF_IMAGE: Final = b"\xff\xd8\xff"  # of JPEG and JPEG-LS


@dataclass(frozen=True, slots=True)
class Planted:
    """One real object with a person in it."""

    path: Path
    person: Person
    dataset: Dataset  # as planted
    kinds: frozenset[str]  # of places that hold the person
    data: bytes  # the file


def plant(path: Path, person: Person) -> Planted | None:
    """Put a person into a file, everywhere; None where pydicom does not find the instance in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # identifiers stand where none belong, and real files hold values it warns of
        ds = pydicom.dcmread(path)
        ds.decode()
        for element in ds.iterall():
            _ = element.value
        if "SOPInstanceUID" not in ds or "StudyInstanceUID" not in ds:
            return None
        if not person.is_ascii:
            ds.SpecificCharacterSet = "ISO_IR 192"
        kinds = frozenset(kind for place in PLACES for kind in place(ds, person))
        planted = copy.deepcopy(ds)
        return Planted(path, person, planted, kinds | {"file meta", "preamble"}, _file(ds, person))


def _file(ds: FileDataset, person: Person) -> bytes:
    ds.preamble = person.text.encode().ljust(128, b"\0")[:128]
    ds.file_meta.SourceApplicationEntityTitle = person.family[:16]
    ds.file_meta.PrivateInformationCreatorUID = "1.2.3.4.5"
    ds.file_meta.PrivateInformation = person.text.encode()
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    file = io.BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def _fitting(keyword: str, person: Person) -> str:
    """A text that an attribute can hold."""
    if "Telephone" in keyword:
        return person.telephone
    if dictionary_VR(keyword) in ("SH", "CS", "AE"):
        return person.number[:16] if len(keyword) % 2 else person.family[:16]
    return person.said(keyword)


def _header(ds: Dataset, person: Person) -> Iterator[str]:
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = person.name, person.number, person.born
    yield from ("PatientName", "PatientID", "PatientBirthDate")
    for keyword in TEXTS:
        setattr(ds, keyword, _fitting(keyword, person))
        yield keyword
    for keyword, of in UNEXPECTED.items():
        setattr(ds, keyword, of(person))
        yield keyword
    for keyword in NAMES:
        setattr(ds, keyword, person.name)
        yield keyword
    for keyword in DATES:
        setattr(ds, keyword, "20190817101500" if dictionary_VR(keyword) == "DT" else "20190817")
    for keyword, value in HARMLESS.items():
        setattr(ds, keyword, value)


def _nested(ds: Dataset, person: Person) -> Iterator[str]:
    name, text, number = person.name, person.text, person.number
    ds.RequestAttributesSequence = item(RequestedProcedureDescription=text, ScheduledProcedureStepDescription=text)
    ds.ReferencedStudySequence = item(ReferencedSOPInstanceUID=ds.StudyInstanceUID, StudyDescription=text)
    ds.OtherPatientIDsSequence = item(PatientID=number)
    ds.ReferringPhysicianIdentificationSequence = item(PersonAddress=text, PersonTelephoneNumbers=person.telephone)
    ds.OriginalAttributesSequence = item(
        ModifiedAttributesSequence=item(PatientName=name, PatientID=number),
        AttributeModificationDateTime="20190817101500",
        ModifyingSystem=person.family,
    )
    ds.ViewCodeSequence = item(CodeValue="V1", CodingSchemeDesignator="99X", CodeMeaning=f"view of {person.family}")
    ds.ReferencedImageSequence = item(
        ReferencedSOPInstanceUID=ds.SOPInstanceUID,
        PurposeOfReferenceCodeSequence=item(CodeValue="1", CodeMeaning=f"of {person.given}"),
    )
    yield from (
        "in request attributes", "in a referenced study", "in other patient ids", "in a physician's identification",
        "in original attributes", "in a code's meaning", "in a code of a reference",
    )  # fmt: skip


def _private(ds: Dataset, person: Person) -> Iterator[str]:
    safe = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
    safe.add_new(0x9E, "LO", f"FSE {person.family}")
    safe.add_new(0x23, "DS", "5.5")
    ours = ds.private_block(0x0041, "QUITE OURS", create=True)
    ours.add_new(0x01, "LO", person.text)
    ours.add_new(0x02, "OB", b"\0\1" + person.text.encode() + b"\2")
    ours.add_new(0x03, "SQ", item(PatientName=person.name, StudyComments=person.text))
    ours.add_new(0x04, "UN", person.name.encode() + b" " * (len(person.name.encode()) % 2))
    ours.add_new(0x05, "PN", person.name)
    ours.add_new(0x06, "UT", f"<name>{person.family}_{person.given}</name>")
    ds.private_block(0x0009, "MMCPrivate", create=True).add_new(0x11, "LO", person.name)
    yield from (
        "private: a safe text", "private: text", "private: bytes", "private: sequence", "private: unknown VR",
        "private: name", "private: markup", "private: a vendor's name",
    )  # fmt: skip


def _report(ds: Dataset, person: Person) -> Iterator[str]:
    def entry(kind: str, **values: object) -> Dataset:
        return item(ValueType=kind, RelationshipType="CONTAINS", **values)[0]

    deep = Sequence([entry("TEXT", TextValue=person.text), entry("PNAME", PersonName=person.name)])
    mine = [
        entry("TEXT", TextValue=person.text),
        entry("PNAME", PersonName=person.name),
        entry("UIDREF", UID=ds.StudyInstanceUID),
        entry("DATE", Date="20190817"),
        entry("CONTAINER", ContentSequence=deep, ContinuityOfContent="SEPARATE"),
    ]
    ds.ContentSequence = Sequence([*ds.get("ContentSequence", ()), *mine])
    ds.VerifyingObserverSequence = item(VerifyingObserverName=person.name, VerifyingOrganization=person.text)
    ds.AuthorObserverSequence = item(PersonName=person.name, InstitutionName=person.text)
    yield from (
        "report: text", "report: name", "report: reference", "report: nested text", "report: observer", "report: author"
    )  # fmt: skip


def _graphics(ds: Dataset, person: Person) -> Iterator[str]:
    ds.add_new(0x60024000, "LT", person.text)
    ds.add_new(0x60023000, "OW", person.text.encode().ljust(64))
    ds.add_new(0x60020022, "LO", person.text)
    ds.add_new(0x60021500, "LO", person.family)
    ds.add_new(0x50000005, "US", 1)
    ds.add_new(0x50003000, "OW", person.text.encode().ljust(64))
    ds.GraphicAnnotationSequence = item(GraphicLayer="ONE", TextObjectSequence=item(UnformattedTextValue=person.text))
    yield from (
        "overlay: comments", "overlay: data", "overlay: description", "overlay: label", "curve: data",
        "graphic annotation",
    )  # fmt: skip


def _rest(ds: Dataset, person: Person) -> Iterator[str]:
    ds.add_new(0xFFFCFFFC, "OB", person.text.encode().ljust(64))
    ds.add_new(
        0x40080119, "SQ", item(InterpretationApproverSequence=item(PhysicianApprovingInterpretation=person.name))
    )
    ds.add_new(0x40080115, "ST", person.text)
    ds.add_new(0x00880904, "LO", person.text[:60])
    ds.add_new(0xFFFAFFFA, "SQ", item(CertificateOfSigner=person.text.encode().ljust(64)))
    yield from ("trailing padding", "interpretation: approver", "interpretation: diagnosis", "topic", "signature")


def _comment(ds: Dataset, person: Person) -> Iterator[str]:
    # into the coded pixels of a single frame, where its coder may comment
    pixels = bytes(ds.get("PixelData") or b"")
    start = pixels.find(_START_OF_IMAGE, 0, 64)
    if start < 8 or int(ds.get("NumberOfFrames", None) or 1) > 1:
        return
    text = person.text.encode()
    text += b" " * (len(text) % 2)
    comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    size = int.from_bytes(pixels[start - 4 : start], "little") + len(comment)
    changed = (
        pixels[: start - 4] + size.to_bytes(4, "little") + pixels[start : start + 2] + comment + pixels[start + 2 :]
    )
    ds["PixelData"].value = changed
    yield "pixels: a coder's comment"


def item(**attributes: object) -> Sequence:
    """A sequence of one item."""
    ds = Dataset()
    for keyword, value in attributes.items():
        if tag_for_keyword(keyword) is None:
            raise KeyError(keyword)
        setattr(ds, keyword, value)
    return Sequence([ds])


PLACES: Final[tuple[Callable[[Dataset, Person], Iterator[str]], ...]] = (
    _header, _nested, _private, _report, _graphics, _rest, _comment,
)  # fmt: skip
