from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.store.object_files import Cleaning, ObjectFiles

NAME = "ab" + "0" * 30


@pytest.fixture
def files(tmp_path: Path) -> ObjectFiles:
    return ObjectFiles(tmp_path)


def clean(files: ObjectFiles, *named: str) -> Cleaning:
    return files.clean(lambda shard: {name for name in named if name.startswith(shard)})


@pytest.mark.parametrize(
    ("is_marked", "is_named", "found"),
    [
        (True, False, Cleaning(removed=1)),
        (True, True, Cleaning()),
        (False, True, Cleaning()),
        (False, False, Cleaning(unknown=1)),
    ],
)
def test_a_file_goes_only_when_it_is_marked_and_no_row_names_it(
    files: ObjectFiles, is_marked: bool, is_named: bool, found: Cleaning
) -> None:
    files.path(NAME).write_bytes(b"image")
    if is_marked:
        files.mark(NAME)
    assert clean(files, *[NAME] * is_named) == found
    assert files.is_whole(NAME, 5) is not bool(found.removed)


def test_a_cleaned_folder_has_no_marks(files: ObjectFiles, tmp_path: Path) -> None:
    files.mark(NAME)
    clean(files)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_unmarked_file_stays(files: ObjectFiles) -> None:
    files.path(NAME).write_bytes(b"image")
    files.mark(NAME)
    files.unmark(NAME)
    files.unmark(NAME)
    clean(files)
    assert files.is_whole(NAME, 5)


def test_unfinished_files_go_and_missing_ones_are_counted(files: ObjectFiles) -> None:
    files.path(NAME + ".part").write_bytes(b"half")
    assert clean(files, NAME) == Cleaning(removed=1, missing=1)


@pytest.mark.parametrize("size", [4, 6])
def test_a_file_of_another_size_is_not_whole(files: ObjectFiles, size: int) -> None:
    files.path(NAME).write_bytes(b"image")
    assert not files.is_whole(NAME, size)
