"""Identifiers of this patient in whatever is kept: cut out of text, blanked in what is no text.

Law: what is kept at a level holds no name or number that the level takes away, in whatever element it was put. Belongs
here: looking at every value again. Not here: what is looked for (text.py). Source: docs/spec/levels.md section 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import Final

from idas_p2p.dicom.charset import decode
from idas_p2p.dicom.levels import values
from idas_p2p.dicom.levels.rebuild import Decision, Enter, Place
from idas_p2p.dicom.levels.text import SHORTEST, Identity
from idas_p2p.dicom.levels.tree import Element

_OPAQUE: Final = {b"UN": 4, b"OB": 4, b"OW": 6}
"""VRs that may hold text all the same, and bytes a name must have there: shorter ones stand in numbers by chance."""
_PHRASES: Final = {b"CS": 4, b"AE": 4, b"UR": 4}  # characters a part of a name must have: terms are short
_CHARACTER_SET: Final = 0x00080005
_OWN: Final = frozenset({0x00100010, 0x00100020})  # the pseudonym
_STRUCTURE: Final = frozenset({0x00080060, 0x00280004, 0x0040A010, 0x0040A040, 0x0040A050})
"""Modality, Photometric Interpretation and what holds a report together (PS3.3 table C.17-6): one of listed terms each,
without which nobody can read the rest, even where a name has such a word."""


class Scrubber:
    """Decides for the elements of one instance that was levelled (rebuild.Decider).

    Args:
        data: what the offsets of elements mean.
        identity: what must not be found.
        codecs: of its text.
    """

    def __init__(self, data: bytes, identity: Identity, codecs: tuple[str, ...]) -> None:
        self._data, self._identity, self._codecs = data, identity, codecs
        self._blanked = {vr: _blanked(identity.needles, least) for vr, least in _OPAQUE.items()}
        self._foreign = _blanked((one for one in identity.needles if not one.isascii()), 4)

    def decide(self, element: Element, place: Place) -> Decision:
        """What becomes of an element."""
        if element.items is not None:
            return Enter()
        vr, raw = element.vr, self._data[element.value : element.end]
        if element.tag in _OWN or element.tag in _STRUCTURE or element.tag == _CHARACTER_SET:
            return None
        if not self._identity.may_occur(raw):
            return None
        if vr in values.TEXTS or vr in _PHRASES:
            text = decode(raw, self._codecs, is_name=vr == b"PN")
            change = partial(self._identity.without, least=_PHRASES.get(vr, SHORTEST))
            recoded = values.recoded(text, change, self._codecs)
            return _without(self._foreign, raw) if recoded is None else recoded
        return _without(self._blanked.get(vr), raw)


def _blanked(needles: Iterable[bytes], least: int) -> re.Pattern[bytes] | None:
    """What is blanked where values are no text, or are in another character set than they should be."""
    long = [re.escape(needle) for needle in needles if len(needle) >= least]
    return re.compile(b"|".join(long), re.IGNORECASE) if long else None


def _without(pattern: re.Pattern[bytes] | None, raw: bytes) -> bytes | None:
    """A value with what is found overwritten by spaces; None when nothing is."""
    if pattern is None or not pattern.search(raw):
        return None
    return pattern.sub(lambda match: b" " * len(match[0]), raw)
