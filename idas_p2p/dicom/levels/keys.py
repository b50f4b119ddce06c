"""Pseudonyms, UIDs and date shifts that follow from a project's key: the same for a patient wherever the key is known.

Law: without the key nothing leads back; with it the same original always gives the same replacement, so that studies
stay whole across series, times and nodes. Belongs here: the derivations. Not here: keeping what was replaced
(store/pseudonyms.py). Source: docs/spec/levels.md section 5; 2.25 is Rec. ITU-T X.667, UUIDs are RFC 9562.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import date, timedelta
from typing import Final

from idas_p2p.crypto.kdf import derive

SHIFT_DAYS: Final = 3_650  # dates move back by 1 to so many days; protocol
MAX_REMEMBERED: Final = 100_000  # UIDs; ours: about 20 MB
_STANDARD: Final = b"1.2.840.10008."  # names things of the standard, never of a patient
_CODE_SIZE: Final = 5  # bytes: eight characters of base 32


class Pseudonyms:
    """What one project calls patients, UIDs and codes.

    Args:
        key: 32 secret bytes of the project.
        domain: who numbers the patients; equal numbers of other domains are other patients.
        uid_root: of new UIDs, `2.25` or a root of ours.
    """

    def __init__(self, key: bytes, *, domain: str = "", uid_root: str = "2.25") -> None:
        self._domain, self._root = domain.encode(), uid_root
        self._uid_key, self._code_key, self._patient_key = (
            derive(key, f"idas level {purpose}") for purpose in ("uid", "code", "pat")
        )
        self._uids = dict[bytes, bytes]()

    def uid(self, original: bytes) -> bytes:
        """The UID in place of one; those of the standard itself stay. No padding on either side."""
        known = self._uids.get(original)
        if known is None:
            if len(self._uids) >= MAX_REMEMBERED:
                self._uids.clear()
            known = self._uids[original] = self._new_uid(original)
        return known

    def is_new(self, uid: str) -> bool:
        """Whether a UID has the form of one of this project."""
        return uid.startswith(self._root + ".")

    def patient(self, patient_id: str) -> str:
        """What a patient is called, by name and number alike: 16 characters."""
        digest = self._mac(self._patient_key, self._domain, b"name", _folded(patient_id), size=2 * _CODE_SIZE)
        return base64.b32encode(digest).decode()

    def code(self, original: bytes) -> bytes:
        """What stands for a number or label: eight characters."""
        return base64.b32encode(self._mac(self._code_key, original, size=_CODE_SIZE))

    def shift(self, patient_id: str) -> int:
        """By how many days every date of a patient moves: -1 to -SHIFT_DAYS."""
        digest = self._mac(self._patient_key, self._domain, b"days", _folded(patient_id), size=8)
        return -1 - int.from_bytes(digest, "big") % SHIFT_DAYS

    def _new_uid(self, original: bytes) -> bytes:
        if not original or original.startswith(_STANDARD):
            return original
        digest = bytearray(self._mac(self._uid_key, original, size=16))
        digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80  # version 8, RFC 9562 section 5.8
        number = str(int.from_bytes(digest, "big"))
        room = 64 - len(self._root) - 1
        return f"{self._root}.{number[:room]}".encode()

    @staticmethod
    def _mac(key: bytes, *parts: bytes, size: int) -> bytes:
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hashlib.blake2b(text, digest_size=size, key=key).digest()


def shifted(text: str, days: int) -> str:
    """A DICOM date, or the date a date and time begins with, moved by days; empty when it is none.

    What comes after the day stays. A month or year alone has no day to move: it becomes the one its first day falls in.
    """
    digits = text.replace(".", "") if len(text) == 10 and text[4] == "." else text
    size = min(8, len(digits) - len(digits.lstrip("0123456789")))
    if size not in (4, 6, 8):
        return ""
    try:
        moved = date.fromisoformat((digits[:size] + "0101"[size - 4 :])[:8]) + timedelta(days)
    except (ValueError, OverflowError):
        return ""
    return moved.strftime("%Y%m%d").zfill(8)[:size] + digits[size:]


def _folded(patient_id: str) -> bytes:
    return patient_id.strip(" \0").casefold().encode()
