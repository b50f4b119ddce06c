from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import pixel_array

from idas_p2p.access.levels import DEIDENTIFIED, OBSCURED
from idas_p2p.dicom.levels.burned_in import Frame, blank, boxes_to_blank
from idas_p2p.errors import AccessDenied
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.level import BurnedIn, Level, Option, Region
from tests.dicom.levels.objects import EVERYTHING_PASSES, ct_slice, decoded, encoded, engine, sample

EXPLICIT = "1.2.840.10008.1.2.1"
CT, US, SC = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.7"
BANNER = Region(modality="US", boxes=((0, 0, 4, 1),))


def asked(level: Level, *, sop_class: str = CT, hidden: bool = False, **said: str) -> object:
    keywords = {"burned": 0x00280301, "face": 0x00280302, "modality": 0x00080060, "kind": 0x00080008}
    texts = {0x00080016: sop_class} | {keywords[name]: value for name, value in said.items()}
    return boxes_to_blank(level, lambda tag: texts.get(tag, ""), rows=4, columns=4, has_hidden_overlay=hidden)


@pytest.mark.parametrize(
    ("sop_class", "said", "least"),
    [
        (CT, {}, BurnedIn.REFUSE),
        (US, {"burned": "NO"}, BurnedIn.REFUSE),
        (US, {}, BurnedIn.FLAGGED),
        (SC, {}, BurnedIn.FLAGGED),
        (CT, {"kind": "DERIVED\\SECONDARY\\SCREEN SAVE"}, BurnedIn.FLAGGED),
        (CT, {"burned": "YES"}, BurnedIn.ALLOW),
    ],
)
def test_an_image_passes_from_the_strictness_on_that_fits_what_it_says(
    sop_class: str, said: dict[str, str], least: BurnedIn
) -> None:
    order = [BurnedIn.REFUSE, BurnedIn.FLAGGED, BurnedIn.ALLOW]
    for setting in order:
        level = replace(DEIDENTIFIED, name="own", burned_in=setting)
        if order.index(setting) >= order.index(least):
            assert asked(level, sop_class=sop_class, **said) == ()
        else:
            with pytest.raises(AccessDenied, match="text"):
                asked(level, sop_class=sop_class, **said)


def test_a_template_that_knows_the_kind_of_image_lets_it_pass_blanked() -> None:
    level = replace(DEIDENTIFIED, name="own", regions=(BANNER,))
    assert asked(level, sop_class=US, modality="US", burned="YES") == BANNER.boxes
    with pytest.raises(AccessDenied):
        asked(replace(level, regions=(replace(BANNER, rows=5),)), sop_class=US, modality="US", burned="YES")


def test_a_face_and_a_hidden_overlay_are_refused() -> None:
    with pytest.raises(AccessDenied, match="face"):
        asked(replace(DEIDENTIFIED, options=frozenset({Option.CLEAN_RECOGNIZABLE})), face="YES")
    with pytest.raises(AccessDenied, match="overlay"):
        asked(DEIDENTIFIED, hidden=True)


@pytest.mark.parametrize("is_planar", [False, True])
def test_boxes_of_every_frame_are_blanked_and_nothing_else(is_planar: bool) -> None:
    shape = (2, 3, 4, 5) if is_planar else (2, 4, 5, 3)
    pixels = np.arange(1, 121, dtype=np.uint8).reshape(shape)
    data = blank(pixels.tobytes(), Frame(4, 5, 3, 8, is_planar, frames=2), ((1, 0, 2, 2), (4, 3, 9, 9)))
    after = np.frombuffer(data, np.uint8).reshape(shape)
    mask = np.zeros((4, 5), bool)
    mask[0:2, 1:3] = mask[3, 4] = True
    where = np.broadcast_to(mask if is_planar else mask[:, :, None], shape)
    assert not after[where].any()
    assert (after[~where] == pixels[~where]).all()


def test_pixels_of_one_bit_are_blanked_where_they_lie() -> None:
    data = blank(b"\xff" * 4, Frame(3, 5, 1, 1, False, frames=2), ((1, 0, 2, 1),))
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:30].reshape(2, 3, 5)
    assert bits[:, 0].tolist() == [[1, 0, 0, 1, 1]] * 2
    assert bits[:, 1:].all()


def test_pixels_that_share_their_colour_are_blanked_in_pairs() -> None:
    data = blank(bytes(range(1, 17)), Frame(2, 4, 3, 8, False, photometric="YBR_FULL_422"), ((1, 1, 1, 1),))
    assert data == bytes([*range(1, 9), 0, 0, 0, 0, *range(13, 17)])


def test_pixels_in_words_of_big_endian_order_are_blanked_in_theirs() -> None:
    data = blank(bytes([2, 1, 4, 3]), Frame(1, 4, 1, 8, False, is_swapped=True), ((0, 0, 1, 1),))
    assert data == bytes([2, 0, 4, 3])


def test_what_follows_the_last_frame_does_not_stay() -> None:
    assert blank(b"\1\2\3\4", Frame(1, 2, 1, 8, False), ((0, 0, 1, 1),)) == b"\0\2\0\0"


@pytest.mark.parametrize(
    "frame",
    [
        Frame(4, 5, 1, 12, False),
        Frame(4, 6, 1, 8, False),
        Frame(4, 5, 1, 8, False, frames=2),
        Frame(0, 5, 1, 8, False),
        Frame(4, 5, 1, 8, False, photometric="YBR_PARTIAL_420"),
        Frame(2, 5, 3, 8, False, photometric="YBR_FULL_422"),
    ],
)
def test_pixels_that_do_not_lie_as_they_say_are_refused_not_left_as_they_are(frame: Frame) -> None:
    with pytest.raises(AccessDenied, match="cannot be blanked"):
        blank(bytes(20), frame, ((0, 0, 1, 1),))


BOXED = replace(DEIDENTIFIED, name="own", regions=(Region(boxes=((0, 0, 9999, 3),)),))


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "SC_rgb_rle_2frame.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "SC_rgb_dcmtk_+eb+cy+np.dcm",
        "JPEG2000.dcm",
        "examples_palette.dcm",
        "image_dfl.dcm",
    ],
)
def test_compressed_images_are_decoded_blanked_and_told_as_what_they_are_then(name: str) -> None:
    instance = sample(name)
    before = pixels_of(instance)
    shown = engine(BOXED).apply(instance)
    after = pixels_of(shown)
    assert not after[:, :3].any()
    assert (after[:, 3:] == before[:, 3:]).all()
    is_deflated = name == "image_dfl.dcm"
    assert shown.transfer_syntax_uid == (instance.transfer_syntax_uid if is_deflated else EXPLICIT)
    assert decoded(shown).BurnedInAnnotation == "NO"
    assert engine(BOXED).apply(instance).data.read() == shown.data.read()


def test_an_image_that_was_lossy_says_so_when_its_pixels_were_decoded() -> None:
    shown = decoded(engine(BOXED).apply(sample("SC_rgb_dcmtk_+eb+cy+np.dcm")))
    assert shown.LossyImageCompression == "01"
    assert shown.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(shown.LossyImageCompressionRatio) > 1
    assert shown.PhotometricInterpretation == "RGB"  # YBR_FULL may not be there uncompressed
    assert "LossyImageCompressionMethod" not in decoded(engine(BOXED).apply(sample("MR_small_RLE.dcm")))


def test_an_image_nobody_here_decodes_is_refused() -> None:
    video = replace(sample("MR_small_RLE.dcm"), transfer_syntax_uid="1.2.840.10008.1.2.4.102")
    with pytest.raises(AccessDenied, match="decodes"):
        engine(BOXED).apply(video)


@pytest.mark.parametrize("level", [OBSCURED, EVERYTHING_PASSES], ids=str)
def test_a_comment_of_the_coding_that_names_the_patient_goes_with_the_coding(level: Level) -> None:
    instance = sample("MR_small_jpeg_ls_lossless.dcm")
    ds = decoded(instance)
    name = str(ds.PatientName).encode()
    comment = b"\xff\xfe" + (len(name) + 2).to_bytes(2, "big") + name
    coded = next(generate_frames(ds.PixelData, number_of_frames=1))
    ds.PixelData = encapsulate([coded[:2] + comment + coded[2:]])
    shown = engine(level).apply(encoded(ds, instance.transfer_syntax_uid))
    assert name not in shown.data.read()
    assert shown.transfer_syntax_uid == EXPLICIT
    assert (pixels_of(shown) == pixels_of(instance)).all()


def pixels_of(instance: Instance) -> Any:
    """Frames, rows and what is in them, as stored, or as RGB."""
    ds = decoded(instance)
    return pixel_array(ds, raw=not ds.PhotometricInterpretation.startswith("YBR_FULL")).reshape(
        (-1, ds.Rows, ds.Columns * ds.SamplesPerPixel)
    )


def test_a_blanked_image_says_that_nothing_is_burned_in_any_more() -> None:
    level = replace(DEIDENTIFIED, name="own", regions=(Region(modality="CT", boxes=((0, 0, 2, 1),)),))
    ds = decoded(engine(level).apply(encoded(ct_slice(BurnedInAnnotation="YES"))))
    assert ds.BurnedInAnnotation == "NO"
    assert ds.PixelData == bytes(4) + ct_slice().PixelData[4:]
    assert "113101" in [code.CodeValue for code in ds.DeidentificationMethodCodeSequence]
