"""Levelled objects under the eye of dciodvfy (dicom3tools): no error that the archive's object did not have."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.access.levels import DEIDENTIFIED, OBSCURED
from idas_p2p.dicom.part10 import write_part10
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.level import Action, BurnedIn, Level, Option
from tests.dicom.levels.objects import engine, sample

FILES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "rtplan.dcm",
    "rtdose.dcm",
    "liver_1frame.dcm",
    "reportsi.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
    "JPEG2000.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "eCT_Supplemental.dcm",
    "examples_overlay.dcm",
)
LEVELS = (
    OBSCURED,
    replace(OBSCURED, name="ids", hides_ids=True),
    replace(DEIDENTIFIED, burned_in=BurnedIn.ALLOW),
    replace(
        DEIDENTIFIED,
        name="cleaned",
        options=frozenset(
            {Option.CLEAN_DESCRIPTORS, Option.CLEAN_STRUCTURED_CONTENT, Option.CLEAN_GRAPHICS}
            | {Option.RETAIN_MODIFIED_DATES, Option.RETAIN_SAFE_PRIVATE}
        ),
        burned_in=BurnedIn.ALLOW,
    ),
)
TIMEOUT = 60.0  # seconds for one object

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed: tools/setup system"),
]


def errors(instance: Instance, path: Path) -> Counter[str]:
    """What is wrong with an object; values, which a level changes, left out."""
    with path.open("wb") as file:
        write_part10(instance, file)
    done = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False
    )
    lines = (done.stderr + done.stdout).splitlines()
    assert lines
    return Counter(re.sub(r"= <.*", "", line) for line in lines if line.startswith("Error"))


@pytest.mark.parametrize("name", FILES)
def test_a_levelled_object_has_no_error_that_it_did_not_have(name: str, tmp_path: Path) -> None:
    instance = sample(name)
    before = errors(instance, tmp_path / "before.dcm")
    for level in LEVELS:
        new = errors(engine(level).apply(instance), tmp_path / "after.dcm") - before
        assert not new, (level.name, sorted(new)[:3])


def test_an_object_without_what_it_must_have_is_noticed(tmp_path: Path) -> None:
    level = Level(name="own", base=OBSCURED.base, actions=(("Modality", Action.REMOVE),))
    instance = sample("CT_small.dcm")
    assert errors(engine(level).apply(instance), tmp_path / "after.dcm") - errors(instance, tmp_path / "before.dcm")
