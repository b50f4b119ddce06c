"""What the rounds know of a competitor, and what they learn from one run of it."""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pydicom
from pydicom.dataset import Dataset

from tools.bench.course import Changed, Course

__all__ = ["NODE_TO_NODE", "WHOLE_WAY", "Changed", "Competitor", "Run", "images_of"]

NODE_TO_NODE = "idas-node"
WHOLE_WAY = "idas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one competitor."""

    seconds: float = 0.0
    wire_bytes: int | None = None  # on the line, both directions, headers included; None when nobody counted
    coded_bytes: int | None = None  # what our holder sent for the images
    first_image: float | None = None  # seconds until the first one lay at the workstation


class Competitor(abc.ABC):
    """One way to move the study. A new object for each course; it may remember what earlier runs told it."""

    name: ClassVar[str]
    words: ClassVar[str]  # for tables and charts
    against: ClassVar[str]  # the name of the one of ours that does the same job
    loopback_only: ClassVar[bool] = False

    def __init__(self, course: Course) -> None:
        self.course = course

    def prepare(self, latest: Mapping[str, Run]) -> None:  # noqa: B027 - some have nothing to prepare
        """Put everything back to where nothing was transferred yet.

        Args:
            latest: the latest run of each competitor that has run.
        """

    @abc.abstractmethod
    def move(self) -> Run:
        """Move the study. What the returned run leaves at its default, `run` fills in."""

    @abc.abstractmethod
    def check(self) -> None:
        """See that every image arrived.

        Raises:
            Changed: one did not, or not as it was.
        """

    def run(self, latest: Mapping[str, Run]) -> Run:
        """One cold run, measured and checked.

        Raises:
            Changed: not everything arrived as it was.
        """
        self.prepare(latest)
        before, started = self.course.line_bytes(), time.monotonic()
        told = self.move()
        seconds, after = time.monotonic() - started, self.course.line_bytes()
        self.check()
        carried = None if before is None or after is None else after - before
        return replace(told, seconds=told.seconds or seconds, wire_bytes=told.wire_bytes or carried)


def images_of(files: Sequence[Path]) -> dict[str, tuple[Any, ...]]:
    """What must survive a program that may write a data set in another way: UIDs, geometry, and pixels unchanged."""
    return dict(_image_of(pydicom.dcmread(path)) for path in files)


def _image_of(image: Dataset) -> tuple[str, tuple[Any, ...]]:
    shape = (image.get("Rows"), image.get("Columns"), str(image.get("NumberOfFrames", "")))
    return str(image.SOPInstanceUID), (str(image.get("StudyInstanceUID")), shape, hash(image.get("PixelData")))
