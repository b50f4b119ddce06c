"""The dashboard without a terminal."""

from __future__ import annotations

from xml.etree import ElementTree

from idas_p2p.dashboard.monitor.picture import draw, print_views
from idas_p2p.dashboard.monitor.views import VIEWS
from tests.dashboard.monitor.samples import SNAPSHOT


def test_every_view_is_printed_as_text() -> None:
    text = print_views(SNAPSHOT, width=200)
    assert all(f"== {name} ==" in text for name in VIEWS)
    assert "canary" not in text
    assert "\x1b" not in text


def test_a_picture_is_a_whole_document_without_patient_data() -> None:
    picture = draw(SNAPSHOT, width=110)
    assert ElementTree.fromstring(picture).tag.endswith("svg")  # our own
    assert "disk_full" in picture
    assert "canary" not in picture
