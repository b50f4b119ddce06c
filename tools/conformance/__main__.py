"""`python -m tools.conformance`: write docs/conformance.md from the program's own tables; `--check` only compares.

Belongs here: the command. Not here: what the statement says (statement.py).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.conformance.statement import statement

TARGET = Path(__file__).parents[2] / "docs" / "conformance.md"


def main() -> None:
    """Write, or compare."""
    parser = argparse.ArgumentParser(prog="python -m tools.conformance", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit status 1 when the file is not what would be written")
    options = parser.parse_args()
    text = statement()
    if options.check:
        sys.exit(TARGET.read_text("utf-8") != text)
    TARGET.write_text(text, "utf-8")
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
