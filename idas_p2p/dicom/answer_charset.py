"""The character set of an answer: that of the request where it can hold what is said, else Unicode.

Law: whatever is chosen gives the same text back when it is decoded as this node decodes it.

Belongs here: the choice. Pure. Not here: decoding (charset.py), writing (identifiers.py).
Source: PS3.3 C.12.1.1.2, PS3.5 6.1.2.5 and Annexes H, I, K.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from pydicom.charset import convert_encodings, encode_string
from pydicom.valuerep import PersonName

from idas_p2p.dicom.charset import ASCII, UTF_8, codecs_of, decode, term_of

_KATAKANA: Final = range(0xFF61, 0xFFA0)  # half width, all of JIS X 0201's right half
_JIS_X_0201: Final = frozenset(map(chr, [*range(0x20, 0x5C), *range(0x5D, 0x7E), *_KATAKANA]))
_BYTES: Final = {  # how many bytes a character has in a code of its own, where its Python codec knows others too
    "ISO_IR 58": ("gb2312", 2),
    "ISO_IR 87": ("euc_jp", 2),
    "ISO_IR 149": ("euc_kr", 2),
    "ISO_IR 159": ("euc_jp", 3),
}
_OWN_CODEC: Final = {"GBK": "gbk", "GB2312": "gb2312"}  # read as the superset of both, not written so

Text = tuple[str, bool]
"""What an answer says, and whether it is a person's name."""


def answer_charset(texts: Iterable[Text], requested: str) -> str:
    """The Specific Character Set for an answer that holds these texts.

    Args:
        texts: everything the answer says.
        requested: the request's own Specific Character Set.

    Returns:
        Empty when ASCII suffices, that of the request when it suffices, else ISO_IR 192. Values are joined by
        backslashes.
    """
    told = [text for text in texts if not text[0].isascii()]
    if not told:
        return ASCII
    terms = _terms(requested)
    if terms and all(_can_hold(text, terms) for text in told):
        return "\\".join(terms)
    return UTF_8


@cache
def _terms(requested: str) -> tuple[str, ...]:
    """The defined terms of a Specific Character Set; none where one of them is not known here."""
    names = [term_of(value) for value in requested.split("\\")]
    if None in names:
        return ()
    known = [name or "ISO_IR 6" for name in names]
    if len(known) == 1 and "2022" not in requested:
        return (known[0],)
    return tuple(f"ISO 2022 IR {name.removeprefix('ISO_IR ')}" for name in known)


def _can_hold(text: Text, terms: tuple[str, ...]) -> bool:
    said, is_name = text
    fits = [_fits(term_of(term) or "") for term in terms]
    if not all(character.isascii() or any(one(character) for one in fits) for character in said):
        return False
    try:
        again = decode(_encoded(said, terms, is_name=is_name), codecs_of("\\".join(terms)), is_name=is_name)
    except (UnicodeError, ValueError):
        return False
    return again.rstrip("=") == said.rstrip("=")  # empty groups at the end of a name are not written


def _encoded(said: str, terms: tuple[str, ...], *, is_name: bool) -> bytes:
    """The bytes that pydicom will write."""
    encodings = convert_encodings(list(terms))
    if is_name:
        return b"\\".join(PersonName(name, encodings).encode(encodings) for name in said.split("\\"))
    return b"\\".join(encode_string(value, encodings) for value in said.split("\\"))


@cache
def _fits(term: str) -> Callable[[str], bool]:
    """Whether a character beyond ASCII is one of a character set's."""
    if term == "ISO_IR 13":
        return _JIS_X_0201.__contains__
    if term in _BYTES:
        codec, size = _BYTES[term]
        return lambda character: _size(character, codec) == size
    codec = _OWN_CODEC.get(term) or codecs_of(term)[0]
    return lambda character: _size(character, codec) > 0


@cache
def _size(character: str, codec: str) -> int:
    """Bytes of a character in a codec; 0 where it has none."""
    try:
        return len(character.encode(codec))
    except UnicodeEncodeError:
        return 0
