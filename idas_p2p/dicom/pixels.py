"""Pixels of a losslessly compressed instance, decoded by whichever of pydicom's plug-ins is installed.

Belongs here: decoding, bounded. Not here: the data set around the pixels (recode.py).
Source: PS3.5 section 8.2 and Annex A.4, PS3.3 section C.7.6.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from pydicom.pixels import get_decoder
from pydicom.uid import UID

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.walk import Elements, read_elements
from idas_p2p.errors import CannotConvert, MalformedInstance

LOSSLESS: Final = frozenset(
    {
        "1.2.840.10008.1.2.5",  # RLE
        "1.2.840.10008.1.2.4.57",  # JPEG, process 14
        "1.2.840.10008.1.2.4.70",  # JPEG, process 14, first-order prediction
        "1.2.840.10008.1.2.4.80",  # JPEG-LS
        "1.2.840.10008.1.2.4.90",  # JPEG 2000
        "1.2.840.10008.1.2.4.201",  # HTJ2K
        "1.2.840.10008.1.2.4.202",  # HTJ2K, RPCL
    }
)
"""Transfer syntaxes whose pixels have one meaning only, bit for bit."""

MAX_PIXEL_SIZE: Final = 1_073_741_824  # bytes of decoded pixels; ours: a kilobyte can claim gigabytes
_NUMBERS: Final = {
    "rows": "Rows",
    "columns": "Columns",
    "samples_per_pixel": "SamplesPerPixel",
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "pixel_representation": "PixelRepresentation",
    "planar_configuration": "PlanarConfiguration",
}  # what pydicom calls it, and DICOM; all US


@dataclass(frozen=True, slots=True)
class DecodedPixels:
    """Native pixels, little endian, padded to even length, and how they are now to be read."""

    data: bytes
    photometric_interpretation: str
    planar_configuration: int


def decode_pixels(data: bytes, transfer_syntax_uid: str, *, to_rgb: bool = False) -> DecodedPixels:
    """Decode the pixel data of a whole data set, all frames.

    Args:
        data: the data set.
        transfer_syntax_uid: it is in.
        to_rgb: turn YBR_FULL and YBR_FULL_422 into RGB, which every kind of colour image may be; rounds.

    Raises:
        CannotConvert: no decoder is installed, or the decoded pixels would be too large.
        MalformedInstance: the pixels do not decode.
    """
    decoder = get_decoder(UID(transfer_syntax_uid))
    if not decoder.is_available:
        raise CannotConvert(f"no decoder: install {_plug_in(decoder.missing_dependencies)}")
    elements = read_elements(
        MemoryBlob(data), transfer_syntax_uid, [*_NUMBERS.values(), "PhotometricInterpretation", "NumberOfFrames"]
    )
    options = _options(elements)
    if elements.pixel_data is None or elements.pixel_data.length is not None:
        raise MalformedInstance("there are no encapsulated pixels")
    raw = not (to_rgb and options["photometric_interpretation"].startswith("YBR_FULL"))
    try:
        frames = list(decoder.iter_array(data[elements.pixel_data.offset :], raw=raw, **options))
    except Exception:  # decoders raise whatever they like about bad data
        raise MalformedInstance("the compressed pixels cannot be decoded") from None
    native = b"".join(array.tobytes() for array, _ in frames)
    shown = frames[0][1]
    return DecodedPixels(
        native + b"\0" * (len(native) % 2),
        str(shown["photometric_interpretation"]).removesuffix("_422"),  # decoders fill in what was thinned out
        int(shown.get("planar_configuration", 0) or 0),
    )


def _plug_in(missing: list[str]) -> str:
    """What to install, from pydicom's lines `NAME - requires PACKAGES`; the last is its own choice for most codings."""
    return missing[-1].partition(" requires ")[2] or missing[-1] if missing else "a newer pydicom"


def _options(elements: Elements) -> dict[str, Any]:
    """What pydicom's decoders want to know."""
    text = elements.reader()
    options: dict[str, Any] = {name: elements.number(keyword) for name, keyword in _NUMBERS.items()}
    options["photometric_interpretation"] = text("PhotometricInterpretation")
    frames = text("NumberOfFrames")
    options["number_of_frames"] = int(frames) if frames.isdecimal() and len(frames) < 10 else 1
    options["pixel_keyword"] = "PixelData"
    size = math.prod(options[name] or 0 for name in ("rows", "columns", "samples_per_pixel", "number_of_frames"))
    if not size or options["bits_allocated"] is None:
        raise MalformedInstance("it does not say how large its image is")
    if size * options["bits_allocated"] // 8 > MAX_PIXEL_SIZE:
        raise CannotConvert("the decoded image would be too large")
    return {name: value for name, value in options.items() if value is not None}
