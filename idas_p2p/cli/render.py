"""Answers to stdout, words to stderr: for a person or, with --json, as one document for a program.

Belongs here: where text goes. Not here: what a table looks like (dashboard/).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from idas_p2p.dashboard.text import printable
from idas_p2p.errors import IdasError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Document = Mapping[str, Any]
WIDE = 240  # columns assumed when a table goes to a file or a pipe; ours: no UID is cut


class Output:
    """The two streams of a command.

    Args:
        stdout: answers.
        stderr: words about them.
        as_json: whether answers are one JSON document.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, *, as_json: bool) -> None:
        self.as_json = as_json
        self._stdout = stdout
        self._stderr = stderr
        for stream in (stdout, stderr):  # a terminal in another encoding shows escapes, never fails
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    @property
    def is_watched(self) -> bool:
        """Whether a person sees stderr as it is written."""
        return self._stderr.isatty()

    @property
    def stderr(self) -> TextIO:
        """Where words, logs and progress go."""
        return self._stderr

    def answer(self, document: Document, picture: Callable[[], RenderableType]) -> None:
        """Print the answer of a command once: as a document, or as `picture` shows it to a person."""
        if self.as_json:
            self.document(document)
        else:
            _console(self._stdout).print(picture())

    def document(self, document: Document) -> None:
        """Print the one JSON document of a command, in ASCII: its strings may be hostile."""
        self.line(json.dumps(document, indent=2, default=str))

    def line(self, text: str) -> None:
        """Print one line to stdout now, as it is; for text that scripts take as a whole."""
        print(text, file=self._stdout, flush=True)

    def say(self, text: str) -> None:
        """Print a sentence to stderr, escaped."""
        print(printable(text, limit=4_000), file=self._stderr, flush=True)

    def fail(self, error: IdasError) -> None:
        """Print an error: what it happened to, what happened and what to do next."""
        self.say(f"idas: {sentence(error)}")
        if self.as_json:
            failure = {"code": error.code, "message": error.explanation(), "detail": error.detail}
            self.document({"error": failure})


def sentence(error: IdasError) -> str:
    """The error in words for a person: its detail, then its class's explanation with the next step."""
    detail = error.detail.rstrip(" .")
    return f"{detail}. {error.explanation()}" if detail else error.explanation()


def _console(stream: TextIO) -> Console:
    """A console that wraps at the terminal's width, and hardly ever in a pipe."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False, markup=False, emoji=False)
