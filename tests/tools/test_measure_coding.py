"""The table of codings is measured on images, ours beside what others use."""

from __future__ import annotations

from pathlib import Path

from pydicom.data import get_testdata_file

from tools.measure_coding import instances, measure


def test_each_way_that_fits_is_measured_beside_zlib_and_zstd() -> None:
    path = Path(str(get_testdata_file("CT_small.dcm", download=False)))
    rows = {row.way: row for row in measure("ct", list(instances([path, path.parent / "README.txt", path])))}
    assert {"zstd", "both", "plane", "zlib-6", "zstd-3", "whole files, light", "whole files, dense"} <= rows.keys()
    assert "colours" not in rows
    assert rows["plane"].ratio > rows["both"].ratio > rows["zlib-6"].ratio > 1
    assert rows["whole files, dense"].ratio > rows["whole files, zlib-6"].ratio
