"""The tree of errors: each has a code, words for the user, and its place in the drawing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from idas_p2p import errors
from idas_p2p.errors import IdasError


def tree(root: type[IdasError] = IdasError) -> Iterator[type[IdasError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


ALL = list(tree())


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in ALL]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_an_error_explains_itself_in_whole_sentences_on_one_line(error: type[IdasError]) -> None:
    assert "__doc__" in vars(error), "the docstring is what the user reads"
    assert error.explanation().endswith(".")
    assert "\n" not in error.explanation()


@pytest.mark.parametrize("error", ALL[1:], ids=lambda error: error.__name__)
def test_a_code_begins_with_the_code_of_its_branch(error: type[IdasError]) -> None:
    (parent,) = error.__bases__
    assert parent is IdasError or error.code.startswith(f"{parent.code}.")


def test_the_drawing_shows_the_tree_as_it_is() -> None:
    def drawn() -> Iterator[tuple[int, str]]:
        for line in (errors.__doc__ or "").splitlines():
            mark = max(line.find("├── "), line.find("└── "))
            if mark >= 0:
                for name in re.split(", ", re.split("  +", line[mark + 4 :])[0]):
                    yield mark // 4, name

    def built(error: type[IdasError], depth: int) -> Iterator[tuple[int, str]]:
        for child in error.__subclasses__():
            yield depth, child.__name__
            yield from built(child, depth + 1)

    assert sorted(drawn()) == sorted(built(IdasError, 1))


def test_detail_is_the_text_given_when_raising() -> None:
    assert errors.BadQuery("unknown key").detail == "unknown key"
    assert errors.BadQuery().detail == ""
