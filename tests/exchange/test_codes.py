"""Codes from outside: a closed set of errors here, whatever another node says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import ChannelClosed, IdasError, LocalError, RemoteError, StudyNotFound, UserError
from idas_p2p.exchange.codes import _KINDS, error_of


@pytest.mark.parametrize("kind", _KINDS)
def test_a_known_code_is_that_error(kind: type[IdasError]) -> None:
    assert type(error_of(kind.code)) is kind


@pytest.mark.parametrize("code", ["", "remote", LocalError.code, ChannelClosed.code, UserError.code, "\x1b[2J"])
def test_any_other_code_is_a_plain_remote_error(code: str) -> None:
    assert type(error_of(code)) is RemoteError


@given(st.text(max_size=64))
def test_no_code_makes_an_error_that_would_be_tried_again_for_ever_or_blamed_on_us(code: str) -> None:
    assert not isinstance(error_of(code), LocalError | ChannelClosed)


def test_each_error_is_a_new_one() -> None:
    assert error_of(StudyNotFound.code) is not error_of(StudyNotFound.code)
