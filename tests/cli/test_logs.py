"""Log lines: one event each, hostile text escaped, libraries silent."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from idas_p2p.cli.logs import SILENCED, configure_logging
from idas_p2p.events import log_event, log_failure

CANARY = "CANARY^PATIENT"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Put the process's loggers and hooks back as the test found them."""
    hooks = threading.excepthook, sys.unraisablehook, warnings.showwarning
    loggers = [logging.getLogger(name) for name in (None, "idas_p2p", *SILENCED)]
    before = [(each, list(each.handlers), each.level, each.propagate) for each in loggers]
    yield
    for each, handlers, level, propagate in before:
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)
    logging.captureWarnings(False)
    threading.excepthook, sys.unraisablehook, warnings.showwarning = hooks


def logged(*, as_json: bool = False, level: int = logging.INFO) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(stream, as_json=as_json, level=level)
    return stream


def test_an_event_is_one_line_with_its_fields_for_people() -> None:
    stream = logged()
    log_event("archive_harvested", archive="main pacs", count=12, ms=3.14159)
    line = stream.getvalue()
    assert line.startswith("INFO:     ")
    assert line.endswith(' archive_harvested  archive="main pacs" count=12 ms=3.14\n')


def test_an_event_is_one_json_object_for_programs() -> None:
    stream = logged(as_json=True)
    log_event("peer_lost", level=logging.WARNING, peer="abc", reason="remote.wire")
    event = json.loads(stream.getvalue())
    assert event.pop("time").endswith("+00:00")
    assert event == {"level": "warning", "event": "peer_lost", "peer": "abc", "reason": "remote.wire"}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_hostile_value_can_neither_break_the_line_nor_steer_the_terminal(as_json: bool) -> None:
    stream = logged(as_json=as_json)
    log_event("peer_seen", peer="x\x1b[2J\nINFO: forged \u202egnp")
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert not {"\x1b", "\u202e"} & set(text)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_librarys_record_shows_its_origin_but_not_its_text(as_json: bool) -> None:
    stream = logged(as_json=as_json)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("asyncio").exception("never retrieved: %s", CANARY)
    text = stream.getvalue()
    assert "library_message" in text
    assert "asyncio" in text
    assert "ValueError" in text
    assert CANARY not in text


@pytest.mark.parametrize("name", SILENCED)
def test_libraries_that_log_what_they_carry_are_silent(name: str) -> None:
    stream = logged()
    logging.getLogger(f"{name}.inner").error("identifier %s", CANARY)
    logging.getLogger(name).critical("identifier %s", CANARY)
    assert stream.getvalue() == ""


def test_an_unexpected_failure_is_logged_without_its_text() -> None:
    stream = logged()
    log_failure("task_failed", ValueError(CANARY), task="harvest")
    assert "task_failed" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_a_librarys_warning_does_not_print_the_value_it_warns_of() -> None:
    stream = logged()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)  # catch_warnings put its own hook in between
        warnings.warn(f"invalid value {CANARY}", UserWarning, stacklevel=1)
    assert "library_message" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_a_thread_that_dies_is_an_event_without_the_text_of_its_exception() -> None:
    stream = logged()

    def die() -> None:
        raise ValueError(CANARY)

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    assert "thread_failed  reason=ValueError" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_events_below_the_level_are_not_written() -> None:
    stream = logged(level=logging.WARNING)
    log_event("idle_turn", count=1)
    assert stream.getvalue() == ""


def test_the_level_is_coloured_only_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    configure_logging(terminal, as_json=False)
    log_event("node_ready", count=1)
    assert terminal.getvalue().startswith("\x1b[32mINFO:\x1b[0m     ")
