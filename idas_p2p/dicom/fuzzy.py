"""Fuzzy semantic matching of person names: words in any order, begun words, words that sound or are spelt alike.

A name matches when every word of the key is like one of its words, and its family name is like one of the key's. Only
then can an index narrow the search (store/prefilter.py), and a lone given name does not find half the catalog.

Belongs here: how alike two words are. Pure. Not here: when fuzzy matching is asked for (negotiation.py).
Source: PS3.4 C.2.2.2.1.1, which leaves the rule to us; Soundex as in Knuth, TAOCP 3, section 6.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from idas_p2p.wire.terms import name_words

SHORTEST_MISSPELT: Final = 4  # characters of a word in which one may be wrong; ours
SHORTEST_FAMILY: Final = 2  # characters of what may begin a family name; ours: of other words an initial will do
MAX_WORDS: Final = 16  # of a key or a name that are looked at; ours
_SOUNDS: Final = {
    **dict.fromkeys("bfpv", "1"),
    **dict.fromkeys("cgjkqsxz", "2"),
    **dict.fromkeys("dt", "3"),
    "l": "4",
    **dict.fromkeys("mn", "5"),
    "r": "6",
}


def fuzzy_test(pattern: str) -> Callable[[str], bool]:
    """Whether names are like a key; each of several names, and each component group, by itself."""
    wanted = name_words(pattern)[:MAX_WORDS]

    def test(name: str) -> bool:
        return any(_is_like(wanted, group) for one in name.split("\\") for group in one.split("="))

    return test


def _is_like(wanted: tuple[str, ...], group: str) -> bool:
    words = name_words(group)[:MAX_WORDS]
    if not words or not any(alike(one, words[0]) for one in wanted if len(one) >= SHORTEST_FAMILY or one == words[0]):
        return False
    return all(any(alike(one, word) for word in words) for one in wanted)


@lru_cache(maxsize=65_536)
def alike(wanted: str, word: str) -> bool:
    """Whether a word of a key may mean a word of a name, both folded; their first letters are the same."""
    if wanted[:1] != word[:1]:
        return False
    if wanted == word or word.startswith(wanted):
        return True
    if not (wanted.isascii() and wanted.isalpha() and word.isascii() and word.isalpha()):
        return False
    return soundex(wanted) == soundex(word) or _is_one_edit_apart(wanted, word)


def soundex(word: str) -> str:
    """The first letter and three digits for the sounds of a lower-case ASCII word."""
    digits, before = "", _SOUNDS.get(word[0], "")
    for letter in word[1:]:
        sound = _SOUNDS.get(letter, "")
        if sound and sound != before:
            digits += sound
        if letter not in "hw":
            before = sound
    return word[0] + (digits + "000")[:3]


def _is_one_edit_apart(one: str, other: str) -> bool:
    """Whether one letter is added, left out, changed, or changed places with the next."""
    if min(len(one), len(other)) < SHORTEST_MISSPELT or abs(len(one) - len(other)) > 1:
        return False
    place = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if place is None:
        return True
    if len(one) != len(other):
        short, long = sorted((one, other), key=len)
        return short[place:] == long[place + 1 :]
    if one[place + 1 :] == other[place + 1 :]:
        return True
    swapped = one[:place] + one[place : place + 2][::-1] + one[place + 2 :]
    return swapped == other
