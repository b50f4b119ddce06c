"""Presentation contexts for a C-GET, chosen so that the archive sends its stored bytes and converts nothing.

How archives choose (observed with Orthanc 1.10 and DCMTK 3.6.7): an acceptor picks one transfer syntax of each
proposed context, usually an uncompressed one. An archive then looks for an accepted context in the stored syntax of
the instance; where there is none, it decompresses, recompresses, or fails the instance. So every context here proposes
one syntax only, and every storage class is proposed once for each syntax an archive may hold it in; Orthanc then sends
what it stores. An association has 128 contexts, so the fewer classes are known to be in the study, the more syntaxes
each can have. DCMTK's dcmqrscp takes the first accepted context of the class whatever the instance is stored in, and
fails a compressed one; so what failed is asked for again with compressed syntaxes only.

Belongs here: the choice. Pure. Not here: finding out which classes a study has (requests.py).
Source: PS3.8 section 9.3.2.2, PS3.4 C.4.3, PS3.5 section 10.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pydicom import uid
from pynetdicom import StoragePresentationContexts, build_context, build_role
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

MAX_CONTEXTS: Final = 128  # in one association: odd numbers from 1 to 255, PS3.8 section 9.3.2.2

PLAIN_SYNTAXES: Final = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")  # Explicit and Implicit VR Little Endian
SYNTAXES: Final = (
    *PLAIN_SYNTAXES,
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, first-order prediction
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.5",  # RLE Lossless
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless, process 14
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-Lossless
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian, retired
    "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2.4.201",  # HTJ2K Lossless
    "1.2.840.10008.1.2.4.202",  # HTJ2K Lossless, RPCL
    "1.2.840.10008.1.2.4.203",  # HTJ2K
    "1.2.840.10008.1.2.4.102",  # MPEG-4 AVC, High Profile
    "1.2.840.10008.1.2.4.103",  # MPEG-4 AVC, BD-compatible
    "1.2.840.10008.1.2.4.100",  # MPEG-2, Main Level
    "1.2.840.10008.1.2.4.101",  # MPEG-2, High Level
    "1.2.840.10008.1.2.4.92",  # JPEG 2000 Part 2 Lossless
    "1.2.840.10008.1.2.4.93",  # JPEG 2000 Part 2
)
"""Transfer syntaxes an archive may hold instances in, the likeliest first."""

COMPRESSED: Final = SYNTAXES[len(PLAIN_SYNTAXES) :]
"""Those of a second attempt."""

_SECONDARY: Final = ("SecondaryCaptureImageStorage", "MultiFrameTrueColorSecondaryCaptureImageStorage")
_CLASSES: Final = {
    "CR": ("ComputedRadiographyImageStorage", "DigitalXRayImageStorageForPresentation"),
    "CT": ("CTImageStorage", "EnhancedCTImageStorage", "LegacyConvertedEnhancedCTImageStorage"),
    "DOC": ("EncapsulatedPDFStorage", "EncapsulatedCDAStorage"),
    "DX": ("DigitalXRayImageStorageForPresentation", "DigitalXRayImageStorageForProcessing"),
    "ECG": ("TwelveLeadECGWaveformStorage", "GeneralECGWaveformStorage"),
    "ES": ("VLEndoscopicImageStorage", "VideoEndoscopicImageStorage"),
    "IO": ("DigitalIntraOralXRayImageStorageForPresentation",),
    "KO": ("KeyObjectSelectionDocumentStorage",),
    "MG": (
        "DigitalMammographyXRayImageStorageForPresentation",
        "DigitalMammographyXRayImageStorageForProcessing",
        "BreastTomosynthesisImageStorage",
    ),
    "MR": ("MRImageStorage", "EnhancedMRImageStorage", "EnhancedMRColorImageStorage", "MRSpectroscopyStorage"),
    "NM": ("NuclearMedicineImageStorage",),
    "OP": ("OphthalmicPhotography8BitImageStorage", "OphthalmicPhotography16BitImageStorage"),
    "OPT": ("OphthalmicTomographyImageStorage",),
    "PR": ("GrayscaleSoftcopyPresentationStateStorage", "ColorSoftcopyPresentationStateStorage"),
    "PT": ("PositronEmissionTomographyImageStorage", "EnhancedPETImageStorage"),
    "PX": ("DigitalXRayImageStorageForPresentation",),
    "REG": ("SpatialRegistrationStorage", "DeformableSpatialRegistrationStorage"),
    "RF": ("XRayRadiofluoroscopicImageStorage", "EnhancedXRFImageStorage"),
    "RTDOSE": ("RTDoseStorage",),
    "RTIMAGE": ("RTImageStorage",),
    "RTPLAN": ("RTPlanStorage", "RTIonPlanStorage"),
    "RTSTRUCT": ("RTStructureSetStorage",),
    "SC": (),
    "SEG": ("SegmentationStorage", "SurfaceSegmentationStorage"),
    "SM": ("VLWholeSlideMicroscopyImageStorage", "VLMicroscopicImageStorage"),
    "SR": ("BasicTextSRStorage", "EnhancedSRStorage", "ComprehensiveSRStorage", "XRayRadiationDoseSRStorage"),
    "US": ("UltrasoundImageStorage", "UltrasoundMultiFrameImageStorage"),
    "XA": ("XRayAngiographicImageStorage", "EnhancedXAImageStorage"),
    "XC": ("VLPhotographicImageStorage", "VideoPhotographicImageStorage"),
}
"""Storage classes by modality, as keywords of PS3.6 Table A-1; any study may hold secondary captures too."""

Proposal = tuple[list[PresentationContext], list[SCP_SCU_RoleSelectionNegotiation]]
"""What an association request offers: presentation contexts, and who sends in which."""

_COMMON: Final = tuple(str(context.abstract_syntax) for context in StoragePresentationContexts[:120])


def get_contexts(model: str, sop_classes: Sequence[str], syntaxes: Sequence[str] = SYNTAXES) -> Proposal:
    """Contexts and roles to propose for a C-GET.

    Args:
        model: the SOP class of the C-GET itself.
        sop_classes: storage classes the study is known to have; empty when unknown, then the 120 commonest are
            proposed, each in one context for all syntaxes, as the archive chooses.
        syntaxes: what to propose, the likeliest first.

    Returns:
        At most MAX_CONTEXTS contexts, and a role for each storage class: the archive is to be the SCU.
    """
    contexts = [build_context(model, list(PLAIN_SYNTAXES))]
    room = MAX_CONTEXTS - len(contexts)
    classes = list(dict.fromkeys(sop_classes))[:room]
    if classes:
        fitting = syntaxes[: room // len(classes)]
        contexts += [build_context(sop_class, [syntax]) for syntax in fitting for sop_class in classes]
    else:
        classes = list(_COMMON)
        contexts += [build_context(sop_class, list(syntaxes)) for sop_class in classes]
    return contexts, [build_role(sop_class, scp_role=True) for sop_class in classes]


def classes_of_modalities(modalities: Iterable[str]) -> list[str]:
    """Storage classes that series of these modalities usually have; empty when one of them is not known here."""
    keywords: list[str] = []
    for modality in modalities:
        if modality not in _CLASSES:
            return []
        keywords += _CLASSES[modality]
    return [str(getattr(uid, keyword)) for keyword in dict.fromkeys((*keywords, *_SECONDARY))] if keywords else []
