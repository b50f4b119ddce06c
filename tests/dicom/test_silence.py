from __future__ import annotations

import logging
import warnings

import pytest
from pydicom.uid import UID
from pydicom.valuerep import DA
from pynetdicom import _config

from idas_p2p.dicom.silence import silence


def test_the_libraries_log_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("pynetdicom.association").critical("CANARY")
    logging.getLogger("pydicom").critical("CANARY")
    assert caplog.records == []
    assert not _config.LOG_REQUEST_IDENTIFIERS
    assert not _config.LOG_RESPONSE_IDENTIFIERS


def test_a_malformed_value_is_not_quoted_in_a_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        UID("1.2.CANARY")
    assert caught == []


def test_warnings_of_the_libraries_are_not_shown() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        silence()
        warnings.warn_explicit("CANARY", UserWarning, "valuerep.py", 1, module="pydicom.valuerep")
        warnings.warn_explicit("ours", UserWarning, "x.py", 1, module="elsewhere")
    assert [str(warning.message) for warning in caught] == ["ours"]


def test_dates_still_read() -> None:
    assert str(DA("20200101")) == "20200101"
