"""Who an instance is about, found again in free text: names, numbers and dates that would tell.

Law: a name in any order and case is found, a part of it as a word; what says what was examined stays. Where cleaned
text cannot be written again in its character set, nothing of it stays. Belongs here: finding and cutting. Not here:
which attributes are cleaned (plan.py). Source: PS3.15 section E.3.5 (Clean Descriptors).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

MAX_CLEANED: Final = (
    10_240  # characters; the most of a Long Text, PS3.5 section 6.2. Patterns cost more than their length
)
_SPLIT: Final = re.compile(r"[\s^=,;\\/]+")
SHORTEST: Final = 3  # characters of a part of a name that counts
_STOP: Final = frozenset(
    """
    abdomen adult and angio ankle anonymous average axial brain breast cardiac cervical chest contrast coronal cta
    ctdi den der derived diffusion dummy elbow female fluoro foot for function functional hand head heart hip knee
    left leg liver localizer lumbar lung male mammo mean mixed mra mri neck none norm oblique original other pelvis
    perfusion pet phantom physician plastic primary right sagittal secondary series shoulder spine stroke study test
    the thorax tra tumor ultrasound unknown van volume von water with without wrist xray
    """.split()  # noqa: SIM905 - as words
)
"""Parts of made-up names that are words of radiology: of such a name only the whole counts."""

_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(mrn|pid|patient id|acc(ession)?|ssn|dob|nhs|med rec)\b[ .#:no-]*[\w./-]*\d[\w./-]*",  # what says so itself
        r"(?<![\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+",  # electronic mail
        r"\bhttps?://\S+",
        r"\b\d{3}-\d{2}-\d{4}\b",  # social security
        r"(?<![\d.])\+?(\(\d{2,5}\)|\d{2,5})[ .-]\d{3,4}[ .-]\d{3,5}(?![\d.])",  # telephone
        r"\b\d{1,2}[./-]\d{1,2}[./-](19|20)\d{2}\b",
        r"\b(19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2}\b",
        r"\b(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\b",
        r"\b\d{1,2}[ .-]?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[ .,-]+(19|20)?\d{2}\b",
        r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2},? (19|20)\d{2}\b",
        r"\b(dr|prof|mr|mrs|ms|md)\.? (?-i:[A-Z])[\w'-]+( (?-i:[A-Z])[\w'-]+)?",
        r"(?<![\d.])\d{7,}(?![\d.])",  # numbers of patients and requests
        r"(?<![\d.])[0-2]\.\d+(\.\d+){4,}",  # UIDs
    )
)
SURE: Final = 5  # letters from which on a part of a name counts between underscores: codes are shorter
RUN_TOGETHER: Final = 9  # letters of a name that is found without spaces too
_START, _END = r"(?<![^\W_])", r"(?![^\W_])"
"""Where a word begins and ends; an underscore is none of it: names are found in names of files."""
_ESCAPE: Final = re.compile(rb"\x1b[\x20-\x2f]+[\x30-\x7e]")
_DIGIT: Final = re.compile(r"\d")
_SPACE: Final = re.compile(r"[ \t]{2,}")


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """What must not be found in text; never prints itself."""

    names: tuple[str, ...]  # whole ones, as `A^B^C`
    numbers: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ("utf_8",)  # of the data set they come from
    needles: tuple[bytes, ...] = field(init=False)  # lower case: where none occurs, nothing is to be found

    def __post_init__(self) -> None:
        words = [*_parts(self.names), *_strict(self.numbers), *filter(_is_whole, self.names)]
        found = {raw for word in words for raw in _encoded(word, self.codecs)}
        object.__setattr__(self, "needles", tuple(sorted(found)))

    def __repr__(self) -> str:
        return "Identity(…)"

    def may_occur(self, data: bytes) -> bool:
        """Whether some part of it may stand in encoded data."""
        lower = data.lower()
        return any(needle in lower for needle in self.needles)

    def without(self, text: str, *, least: int = SHORTEST) -> str:
        """Text without names, parts of names of at least so many characters, and numbers."""
        expression = _expression(self.names, self.numbers, least)
        return _tidy(expression.sub("", text)) if expression and expression.search(text) else text

    def cleaned(self, text: str) -> str:
        """Text without names, numbers, and everything that looks like one; nothing of one too long to be looked at."""
        if len(text) > MAX_CLEANED:
            return ""
        cleaned = self.without(text)
        for pattern in _PATTERNS:
            cleaned = pattern.sub("", cleaned)
        return cleaned if cleaned == text else _tidy(cleaned)


def _encoded(word: str, codecs: Iterable[str]) -> Iterable[bytes]:
    """A word as it may stand in a data set: without escape sequences, and with ASCII letters in lower case."""
    forms = {word} if word.isascii() else {word, word.lower(), word.upper()}
    for codec in ("utf_8", *codecs, *(() if word.isascii() else ("latin_1",))):
        for form in forms:
            try:
                raw = _ESCAPE.sub(b"", form.encode(codec))
            except UnicodeEncodeError:
                continue
            if len(raw) > 1:
                yield raw.lower()


@lru_cache(maxsize=256)
def _expression(names: tuple[str, ...], numbers: tuple[str, ...], least: int) -> re.Pattern[str] | None:
    whole = {_between(order).join(map(re.escape, order)) for name in names for order in _orders(name)}
    words = {re.escape(part) for part in _parts(names) if len(part) >= least or not part.isascii()} | whole
    short = {word for word in words if len(word) < SURE and word not in whole}
    found = [_any_of(words - short, _START, _END), _any_of(short, r"(?<!\w)", r"(?!\w)")]
    strict = {re.escape(number): bool(_DIGIT.search(number)) for number in _strict(numbers)}
    found += [_any_of((one for one in strict if strict[one]), _START, _END)]
    found += [_any_of((one for one in strict if not strict[one]), r"(?<!\w)", r"(?!\w)")]
    return re.compile("|".join(filter(None, found)), re.IGNORECASE) if any(found) else None


def _any_of(words: Iterable[str], start: str, end: str) -> str:
    """Any of some expressions between a beginning and an end, the longest first; nothing of none."""
    longest_first = sorted(words, key=len, reverse=True)
    return f"{start}(?:{'|'.join(longest_first)}){end}" if longest_first else ""


def _between(parts: list[str]) -> str:
    """What may stand between parts of a name; nothing at all where they are long enough to be no other word."""
    return r"[\s,^=._-]" + ("*" if sum(map(len, parts)) >= RUN_TOGETHER else "+")


def _orders(name: str) -> Iterable[list[str]]:
    """Given and family name both ways, of each component group."""
    for group in name.split("="):
        parts = [part for part in _SPLIT.split(group) if part][:4]
        if len(parts) > 1:
            yield parts
            yield parts[::-1]
            yield [parts[1], parts[0], *parts[2:]]
            yield from (parts[:2], parts[1::-1])


def _parts(names: Iterable[str]) -> list[str]:
    """Parts of names that count alone."""
    parts = {part for name in names for part in _SPLIT.split(name)}
    return sorted(part for part in parts if _counts(part))


def _is_whole(name: str) -> bool:
    """Whether a name counts as a whole though none of its parts may."""
    return len([part for part in _SPLIT.split(name) if part]) > 1


def _counts(part: str) -> bool:
    bare = part.strip(".'-")
    if not bare.isascii():
        return len(bare) >= 2
    return len(bare) >= SHORTEST and not bare.isdigit() and bare.lower() not in _STOP


def _strict(numbers: Iterable[str]) -> list[str]:
    """Numbers and addresses that can hardly stand in a text by chance."""
    bare = {number.strip() for number in numbers}
    return sorted(one for one in bare if len(one) >= (4 if _DIGIT.search(one) else 6) and one.lower() not in _STOP)


def _tidy(text: str) -> str:
    return _SPACE.sub(" ", text).strip(" \t,;:-")
