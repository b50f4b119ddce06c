from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from idas_p2p.access.levels import DEIDENTIFIED
from idas_p2p.dicom.levels.burned_in import Frame, blank, boxes_to_blank
from idas_p2p.errors import AccessDenied
from idas_p2p.wire.level import BurnedIn, Level, Option, Region
from tests.dicom.levels.objects import ct_slice, decoded, encoded, engine

EXPLICIT, JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
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
    data = blank(pixels.tobytes(), Frame(4, 5, 3, 8, is_planar), ((1, 0, 2, 2), (4, 3, 9, 9)), EXPLICIT)
    after = np.frombuffer(data, np.uint8).reshape(shape)
    mask = np.zeros((4, 5), bool)
    mask[0:2, 1:3] = mask[3, 4] = True
    where = np.broadcast_to(mask if is_planar else mask[:, :, None], shape)
    assert not after[where].any()
    assert (after[~where] == pixels[~where]).all()


def test_compressed_pixels_are_refused_not_left_as_they_are() -> None:
    with pytest.raises(AccessDenied, match="compressed"):
        blank(bytes(100), Frame(4, 5, 1, 8, False), ((0, 0, 1, 1),), JPEG)


def test_a_blanked_image_says_that_nothing_is_burned_in_any_more() -> None:
    level = replace(DEIDENTIFIED, name="own", regions=(Region(modality="CT", boxes=((0, 0, 2, 1),)),))
    ds = decoded(engine(level).apply(encoded(ct_slice(BurnedInAnnotation="YES"))))
    assert ds.BurnedInAnnotation == "NO"
    assert ds.PixelData == bytes(4) + ct_slice().PixelData[4:]
    assert "113101" in [code.CodeValue for code in ds.DeidentificationMethodCodeSequence]
