"""Where answers and words go, and how an error reads."""

from __future__ import annotations

import io
import json

import pytest
from rich.text import Text

from idas_p2p.cli.render import Output, sentence
from idas_p2p.errors import IdasError, NoSuchThing, NotAMember

HOSTILE = "\x1b[2Jü\u202e"


def output(*, as_json: bool, encoding: str = "utf-8") -> tuple[Output, io.TextIOWrapper, io.StringIO]:
    stdout, stderr = io.TextIOWrapper(io.BytesIO(), encoding=encoding), io.StringIO()
    return Output(stdout, stderr, as_json=as_json), stdout, stderr


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def test_an_answer_is_a_picture_for_a_person() -> None:
    out, stdout, stderr = output(as_json=False)
    out.answer({"aet": "IDAS"}, lambda: Text("[bold]IDAS[/bold]"))
    assert (written(stdout), stderr.getvalue()) == ("[bold]IDAS[/bold]\n", "")


def test_an_answer_is_one_document_in_ascii_for_a_program() -> None:
    out, stdout, _ = output(as_json=True)
    out.answer({"name": HOSTILE}, lambda: pytest.fail("a program does not look at pictures"))
    assert written(stdout).isascii()
    assert "\x1b" not in written(stdout)
    assert json.loads(written(stdout)) == {"name": HOSTILE}


def test_words_are_escaped_and_go_to_stderr() -> None:
    out, stdout, stderr = output(as_json=False)
    out.say(f"peer {HOSTILE}")
    assert (written(stdout), stderr.getvalue()) == ("", "peer \\x1b[2Jü\\u202e\n")


def test_a_terminal_in_another_encoding_shows_escapes() -> None:
    out, stdout, _ = output(as_json=False, encoding="ascii")
    out.line("Müller")
    assert written(stdout) == "M\\xfcller\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoSuchThing("archive pacs"), "archive pacs. There is nothing of that name. List what exists"),
        (NotAMember(), "This node belongs to no federation. Use `idas federation create`"),
    ],
)
def test_an_error_says_which_thing_what_happened_and_the_next_step(error: IdasError, words: str) -> None:
    assert sentence(error).startswith(words)
