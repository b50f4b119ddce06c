from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.store.forms import Form
from idas_p2p.store.sidecar import Mark, Sidecar, read_sidecar, sidecar_of
from tests.store.makers import CT, EXPLICIT

ANNOUNCED = {
    "study_uid": "1.2.3",
    "series_uid": "1.2.3.4",
    "sop_class_uid": CT,
    "sop_instance_uid": "1.2.3.4.5",
    "transfer_syntax_uid": EXPLICIT,
    "size": 1_000,
    "digest": bytes(32),
}


@pytest.fixture(params=[b"", bytes(32)], ids=["plain", "sealed"])
def form(request: pytest.FixtureRequest) -> Form:
    return Form(request.param)


def write(path: Path, form: Form, *ends: int, after: Mark | None = None) -> Sidecar:
    sidecar = Sidecar(path, form, ANNOUNCED, after=after)
    for end in ends:
        sidecar.append(end, end.to_bytes(16, "big"))
    sidecar.close()
    return sidecar


def ends(path: Path, form: Form) -> list[int] | None:
    recorded = read_sidecar(path, form)
    return None if recorded is None else [mark.end for mark in recorded.marks]


def test_what_was_recorded_is_read_again(tmp_path: Path, form: Form) -> None:
    write(tmp_path / "a", form, 100, 200, 1_000)
    recorded = read_sidecar(tmp_path / "a", form)
    assert recorded is not None
    assert recorded.announced == ANNOUNCED
    assert [(mark.end, mark.digest) for mark in recorded.marks] == [
        (end, end.to_bytes(16, "big")) for end in (100, 200, 1_000)
    ]


def test_a_sidecar_goes_on_after_its_last_good_record(tmp_path: Path, form: Form) -> None:
    write(tmp_path / "a", form, 100, 200, 300)
    recorded = read_sidecar(tmp_path / "a", form)
    assert recorded is not None
    write(tmp_path / "a", form, 250, 400, after=recorded.marks[1])
    assert ends(tmp_path / "a", form) == [100, 200, 250, 400]


def test_a_torn_sidecar_keeps_the_records_before_the_tear(tmp_path: Path, form: Form) -> None:
    write(tmp_path / "a", form, 100, 200)
    path = sidecar_of(tmp_path / "a")
    whole = path.read_bytes()
    recorded = read_sidecar(tmp_path / "a", form)
    assert recorded is not None
    first, second = (mark.offset for mark in recorded.marks)
    assert second == len(whole)
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert ends(tmp_path / "a", form) == (None if cut < first else [100])


def test_any_bytes_are_read_without_harm(tmp_path: Path, form: Form) -> None:
    path = sidecar_of(tmp_path / "a")
    for junk in (b"", b"\0\0", bytes(1_000), b"\xff" * 70_000, b"\0\x01\x90" * 100):
        path.write_bytes(junk)
        assert read_sidecar(tmp_path / "a", form) is None


def test_ends_that_do_not_grow_or_leave_the_instance_end_the_reading(tmp_path: Path) -> None:
    write(tmp_path / "a", Form(), 100, 100, 200)
    write(tmp_path / "b", Form(), 100, 1_001)
    assert ends(tmp_path / "a", Form()) == [100]
    assert ends(tmp_path / "b", Form()) == [100]


def test_a_sealed_sidecar_of_another_file_or_key_says_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a", Form(bytes(32)), 100)
    sidecar_of(tmp_path / "b").write_bytes(sidecar_of(tmp_path / "a").read_bytes())
    assert ends(tmp_path / "b", Form(bytes(32))) is None
    assert ends(tmp_path / "a", Form(b"k" * 32)) is None
    assert b"1.2.3" not in sidecar_of(tmp_path / "a").read_bytes()


def test_a_removed_sidecar_is_gone(tmp_path: Path, form: Form) -> None:
    sidecar = write(tmp_path / "a", form, 100)
    sidecar.remove()
    sidecar.remove()
    assert list(tmp_path.iterdir()) == []
