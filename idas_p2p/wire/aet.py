"""AE titles: what may be one."""

from __future__ import annotations

from typing import Final

from idas_p2p.errors import BadConfiguration

MAX_AET_SIZE: Final = 16  # characters; PS3.5 section 6.2 (AE)


def is_aet(text: str) -> bool:
    """Whether a text can be an AE title: PS3.5 section 6.2, without leading or trailing spaces."""
    return 0 < len(text) <= MAX_AET_SIZE and text == text.strip() and all(" " <= c <= "~" and c != "\\" for c in text)


def check_aet(text: str) -> None:
    """Refuse what cannot be an AE title.

    Raises:
        BadConfiguration: it has no or too many characters, or one that is not allowed.
    """
    if not is_aet(text):
        raise BadConfiguration("an AE title has 1 to 16 printable ASCII characters and no backslash")
