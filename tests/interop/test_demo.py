"""`make demo` tells the main job and ends with status 0 only when all of it held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.demo import DidNotHold, compare
from tools.images import Encoded, write_ultrasound


def test_the_demonstration_holds_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "28 images, byte for byte those that the hospital stored" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_missing_a_changed_and_a_strange_image_are_each_noticed(tmp_path: Path) -> None:
    study = write_ultrasound(tmp_path, slices=3)
    stored = study.encoded()
    compare(study, stored)
    first = next(iter(stored))
    with pytest.raises(DidNotHold, match="1 of 3 images did not arrive"):
        compare(study, {uid: encoded for uid, encoded in stored.items() if uid != first})
    with pytest.raises(DidNotHold, match="1 images arrived changed"):
        compare(study, stored | {first: Encoded.of(first, "1.2.840.10008.1.2.1", b"other")})
    with pytest.raises(DidNotHold, match="nobody asked for"):
        compare(study, stored | {"1.2": Encoded.of("1.2", "1.2.840.10008.1.2.1", b"")})
