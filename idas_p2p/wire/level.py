"""How much of a study someone may have, as one value: decided by the policy, applied by the node that holds the images.

Belongs here: the value and its names. Not here: which levels there are (access/levels.py), what they do to a data set
(dicom/levels/). Source: docs/spec/levels.md; options and actions are those of PS3.15 Annex E.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

MARK_SIZE: Final = 4  # bytes of a definition's digest in its mark; ours: told apart, not proved


class Base(StrEnum):
    """What a level starts from."""

    FULL = "full"
    OBSCURED = "obscured"
    DEIDENTIFIED = "deidentified"
    NONE = "none"


class Option(StrEnum):
    """Options of the Basic Application Level Confidentiality Profile, PS3.15 section E.3."""

    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_RECOGNIZABLE = "clean-recognizable-visual-features"
    CLEAN_GRAPHICS = "clean-graphics"
    CLEAN_STRUCTURED_CONTENT = "clean-structured-content"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    RETAIN_FULL_DATES = "retain-long-full-dates"
    RETAIN_MODIFIED_DATES = "retain-long-modified-dates"
    RETAIN_PATIENT_CHARACTERISTICS = "retain-patient-characteristics"
    RETAIN_DEVICE_IDENTITY = "retain-device-identity"
    RETAIN_UIDS = "retain-uids"
    RETAIN_SAFE_PRIVATE = "retain-safe-private"
    RETAIN_INSTITUTION_IDENTITY = "retain-institution-identity"


class Action(StrEnum):
    """What a level of a hospital's own does with an attribute it names."""

    KEEP = "keep"  # as it is
    REMOVE = "remove"  # with the element
    EMPTY = "empty"  # the element stays, without a value
    REPLACE = "replace"  # by a value that says nothing, or by the pseudonym of what it says
    CLEAN = "clean"  # keep what does not identify


class BurnedIn(StrEnum):
    """Which images may pass though nobody cleaned their pixels."""

    REFUSE = "refuse"  # those that say that they have no text burned in, or are of a kind that has none
    FLAGGED = "flagged"  # all but those that say that they have some
    ALLOW = "allow"  # all


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where one kind of image has text burned in; an empty or zero criterion fits every image."""

    boxes: tuple[tuple[int, int, int, int], ...]  # x, y, width, height in pixels; none: such an image has no text
    modality: str = ""
    manufacturer: str = ""
    model: str = ""
    rows: int = 0
    columns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level; `base` alone describes those that are built in."""

    name: str
    base: Base
    options: frozenset[Option] = frozenset()
    actions: tuple[tuple[str, Action], ...] = ()  # by attribute, as dicom/levels/names.py reads it; over all else
    hides_ids: bool = False  # of an obscured level: numbers of patient and request as well
    project: str = ""  # whose key the pseudonyms come from; empty for this node's own
    domain: str = ""  # who numbers the patients: equal numbers of different domains are different patients
    uid_root: str = "2.25"  # of UIDs that replace others
    regions: tuple[Region, ...] = ()
    burned_in: BurnedIn = BurnedIn.REFUSE

    def __str__(self) -> str:
        return self.name

    @property
    def is_none(self) -> bool:
        """Whether nothing is seen at this level."""
        return self.base is Base.NONE

    @property
    def is_full(self) -> bool:
        """Whether everything is seen as it is."""
        return self.base is Base.FULL and not self.actions

    @property
    def mark(self) -> str:
        """The name, and for a level of a hospital's own a digest of its definition: a change of it is another level."""
        if self.name == str(self.base):
            return self.name
        values = (getattr(self, field.name) for field in fields(self))
        text = repr([sorted(map(str, value)) if isinstance(value, frozenset) else value for value in values])
        return f"{self.name}#{hashlib.blake2b(text.encode(), digest_size=MARK_SIZE).hexdigest()}"
