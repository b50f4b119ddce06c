"""Write tests/vectors/pseudonyms.json: python -m tools.make_level_vectors.

What a project's key makes of patients, UIDs and numbers. The key is counted, not random: every run writes the same
bytes.
docs/spec/levels.md section 5.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from idas_p2p.dicom.levels.keys import Pseudonyms

PATH: Final = Path(__file__).parents[1] / "tests/vectors/pseudonyms.json"
KEY: Final = bytes(range(32))
CASES: Final = (
    {"domain": "", "uid_root": "2.25"},
    {"domain": "St Mary", "uid_root": "2.25"},
    {"domain": "", "uid_root": "1.2.826.0.1.3680043.10.1"},
)
PATIENTS: Final = ("P1", "p1 ", "PID-4711", "Müller^Jörg", "")
UIDS: Final = ("1.2.3", "1.2.840.113619.2.55.3.604688119.868.1249343483.504", "1.2.840.10008.5.1.4.1.1.2", "")


def vectors() -> list[dict[str, Any]]:
    """One for each case."""
    return [_of(Pseudonyms(KEY, **case), case) for case in CASES]


def _of(ours: Pseudonyms, case: dict[str, str]) -> dict[str, Any]:
    return {
        "key": KEY.hex(),
        **case,
        "patients": {patient: {"shown": ours.patient(patient), "days": ours.shift(patient)} for patient in PATIENTS},
        "uids": {uid: ours.uid(uid.encode()).decode() for uid in UIDS},
        "codes": {value: ours.code(value.encode()).decode() for value in ("A1", "ACC99812")},
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=1, ensure_ascii=True) + "\n")
