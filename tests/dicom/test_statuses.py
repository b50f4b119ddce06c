from __future__ import annotations

from collections.abc import Iterator

import pytest

from idas_p2p import errors
from idas_p2p.dicom.statuses import find_status, is_warning, retrieve_status, store_status
from idas_p2p.errors import IdasError


def tree(root: type[IdasError] = IdasError) -> Iterator[type[IdasError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_error_is_a_failure_in_every_service(kind: type[IdasError]) -> None:
    for status in (find_status(kind()), retrieve_status(kind()), store_status(kind())):
        assert status >> 12 in {0xA, 0xC} or status in {0x0122, 0x0124}, hex(status)


@pytest.mark.parametrize(
    ("error", "find", "retrieve", "store"),
    [
        (errors.UnknownDestination(), 0xC000, 0xA801, 0xC000),
        (errors.BadQuery(), 0xA900, 0xA900, 0xA900),
        (errors.AccessDenied(), 0x0124, 0x0124, 0x0124),
        (errors.SpoolFull(), 0xA700, 0xA702, 0xA700),
        (errors.ArchiveUnreachable(), 0xA700, 0xA702, 0xA700),
        (errors.StudyNotFound(), 0xC000, 0xC000, 0xC000),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, IdasError) else hex(value),
)
def test_an_error_has_the_status_of_the_tables(error: IdasError, find: int, retrieve: int, store: int) -> None:
    assert (find_status(error), retrieve_status(error), store_status(error)) == (find, retrieve, store)


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007, 0x0001, 0x0107, 0x0116])
def test_a_warning_counts_as_stored_with_a_remark(status: int) -> None:
    assert is_warning(status)


@pytest.mark.parametrize("status", [0x0000, 0xA700, 0xA900, 0xC000, 0x0122, 0xFE00, 0xFF00])
def test_everything_else_is_no_warning(status: int) -> None:
    assert not is_warning(status)
