"""Every test of this room: nothing may fail behind its back."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_complaint_from_asyncio(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail when asyncio logs an exception that nobody retrieved, or a callback that failed."""
    yield
    gc.collect()
    assert [
        r.getMessage() for when in ("call", "teardown") for r in caplog.get_records(when) if r.name == "asyncio"
    ] == []
