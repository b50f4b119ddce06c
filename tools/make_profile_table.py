"""Make the fact tables of the levels engine from public JSON editions of the standard.

    python -m tools.make_profile_table E.1-1.json MODULES.json IODS.json CLASSES.json --edition 2024e

E.1-1.json: `standard/confidentiality_profile_attributes.json` of innolitics/dicom-standard (MIT), which is PS3.15 Table
E.1-1; commit 7f4749d is edition 2024e. The others: `module_attribute_map.json`, `iod_module_map.json` and
`sop_class_iod_map.json` in `highdicom/_standard` of the highdicom package (MIT), which are PS3.3 and PS3.4; 0.28.2.

Writes idas_p2p/dicom/levels/profile.tsv (one row of Table E.1-1 a line: tag, actions of the Basic Profile and options)
and types.tsv (Types of attributes whose action depends on them; the strictest of the modules that an IOD must have).
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydicom.datadict import tag_for_keyword

TARGET: Final = Path(__file__).parents[1] / "idas_p2p" / "dicom" / "levels"
OPTIONS: Final = {
    "cleanDescOpt": "clean-descriptors",
    "cleanGraphOpt": "clean-graphics",
    "cleanStructContOpt": "clean-structured-content",
    "rtnLongFullDatesOpt": "retain-long-full-dates",
    "rtnLongModifDatesOpt": "retain-long-modified-dates",
    "rtnPatCharsOpt": "retain-patient-characteristics",
    "rtnDevIdOpt": "retain-device-identity",
    "rtnUIDsOpt": "retain-uids",
    "rtnSafePrivOpt": "retain-safe-private",
    "rtnInstIdOpt": "retain-institution-identity",
}
STRICTNESS: Final = {"3": 3, "2C": 2, "2": 2, "1C": 1, "1": 1}
Row = Mapping[str, Any]


def main() -> None:
    """Read the editions named on the command line and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("profile", "modules", "iods", "classes"):
        parser.add_argument(name, type=lambda text: json.loads(Path(text).read_text()))
    parser.add_argument("--edition", required=True, help="of the standard, such as 2024e")
    parser.add_argument("--target", type=Path, default=TARGET)
    given = parser.parse_args()
    rows = [*profile_lines(given.profile)]
    head = f"# PS3.15 Table E.1-1, edition {given.edition}, {len(rows)} rows; made by tools/make_profile_table.py\n"
    (given.target / "profile.tsv").write_text(head + "".join(rows))
    varying = {int(_pattern(row), 16) for row in given.profile if _depends(row)}
    head = "# Types of attributes, PS3.3; made by tools/make_profile_table.py\n"
    (given.target / "types.tsv").write_text(head + "".join(type_lines(given, varying)))


def profile_lines(rows: Iterable[Row]) -> Iterable[str]:
    """One line a row: tag in hexadecimal, x for any digit, action, and option=action for each column that has one."""
    for row in rows:
        options = sorted(f"{OPTIONS[key]}={value}" for key, value in row.items() if key in OPTIONS and value)
        yield "\t".join([_pattern(row), row["basicProfile"], *options]) + "\n"


def type_lines(given: argparse.Namespace, varying: set[int]) -> Iterable[str]:
    """SOP classes by IOD, then Types by attribute: of an IOD at the top, of any in a sequence."""
    classes = defaultdict(list)
    for sop_class, iod in given.classes.items():
        classes[iod].append(sop_class)
    numbers = {iod: str(number) for number, iod in enumerate(sorted(classes))}
    for iod, number in numbers.items():
        yield "\t".join(["iod", number, *sorted(classes[iod])]) + "\n"
    top = defaultdict[int, dict[str, int]](dict)
    nested = dict[tuple[int, int], int]()
    for iod in numbers:
        for tag, found in _types_of(given, iod, varying, nested).items():
            top[tag][iod] = found
    for tag, types in sorted(top.items()):
        for strictness in (1, 2):
            if fitting := [numbers[iod] for iod, found in types.items() if found == strictness]:
                text = "*" if len(fitting) == len(numbers) else ",".join(fitting)
                yield f"top\t{tag:08x}\t{strictness}\t{text}\n"
    for (parent, tag), strictness in sorted(nested.items()):
        if strictness < 3:
            yield f"in\t{tag:08x}\t{strictness}\t{parent:08x}\n"


def _types_of(
    given: argparse.Namespace, iod: str, varying: set[int], nested: dict[tuple[int, int], int]
) -> dict[int, int]:
    """Types at the top of one IOD; those in sequences are added to `nested`."""
    found = {True: dict[int, int](), False: dict[int, int]()}  # in modules that the IOD must have, and others
    for module in given.iods.get(iod, []):
        for attribute in given.modules.get(module["key"], []):
            tag = tag_for_keyword(attribute["keyword"])
            if tag not in varying or attribute["type"] not in STRICTNESS:
                continue
            strictness = STRICTNESS[attribute["type"]]
            if attribute["path"]:
                key = (tag_for_keyword(attribute["path"][-1]) or 0, tag)
                nested[key] = min(strictness, nested.get(key, 3))
            else:
                types = found[module["usage"] == "M"]
                types[tag] = min(strictness, types.get(tag, 3))
    return found[False] | found[True]


def _depends(row: Row) -> bool:
    return not {"x", "p"} & set(_pattern(row)) and ("/" in row["basicProfile"] or row["basicProfile"] in {"Z", "X"})


def _pattern(row: Row) -> str:
    if "odd" in row["id"].lower():
        return "private"
    return re.sub(r"[(),]", "", row["tag"]).lower()


if __name__ == "__main__":
    main()
