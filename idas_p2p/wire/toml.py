"""A TOML file as checked values: every error names the file, the line, the key and the remedy.

Belongs here: reading tables and keys. Not here: the file on disk, what the keys mean (node/config.py,
bootstrap/config.py, directory/settings.py).
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Callable
from typing import Any, TypeVar

from idas_p2p.errors import BadConfiguration, WireError
from idas_p2p.wire.address import Address
from idas_p2p.wire.aet import is_aet

T = TypeVar("T")


class TomlTable:
    """One table of a file; the root is a table without a name.

    Args:
        values: what it holds.
        file: the file's name, for errors.
        text: the whole file, for the lines of errors.
        name: the table's own name.
        at: the line of its header, where the name alone does not tell; 0 where it does.
    """

    def __init__(self, values: dict[str, Any], *, file: str, text: str, name: str = "", at: int = 0) -> None:
        self._values, self._file, self._text, self._name, self.line = values, file, text, name, at
        self._known = set[str]()

    @classmethod
    def parse(cls, text: str, *, file: str) -> TomlTable:
        """The root table of a file.

        Raises:
            BadConfiguration: not TOML.
        """
        try:
            return cls(tomllib.loads(text), file=file, text=text)
        except tomllib.TOMLDecodeError as error:
            raise BadConfiguration(f"{file} is not valid TOML: {error}") from None
        except RecursionError:
            raise BadConfiguration(f"{file} is not valid TOML: nested too deeply") from None

    def bad(self, key: str, remedy: str) -> BadConfiguration:
        """The error of one key."""
        line = line_below(self._text, self.line, key) if self.line else line_of(self._text, self._name, key)
        place = f"{self._file}, line {line}" if line else self._file
        return BadConfiguration(f"{place}: {self._name + '.' if self._name else ''}{key}: {remedy}")

    def table(self, key: str) -> TomlTable:
        """A table of this one; empty when it is missing."""
        value = self._get(key, {})
        if not isinstance(value, dict):
            raise self.bad(key, f"write it as a table: [{key}]")
        return TomlTable(value, file=self._file, text=self._text, name=key)

    def tables(self, key: str) -> list[TomlTable]:
        """The tables of an array, each written below a header of its own, [[key]]; empty when there are none."""
        values = self._get(key, [])
        lines = [number for number, line in enumerate(self._text.splitlines(), 1) if _is_header(line, key)]
        if not isinstance(values, list) or len(lines) != len(values) or not all(isinstance(v, dict) for v in values):
            raise self.bad(key, f"write each as a table of its own: [[{key}]]")
        return [
            TomlTable(value, file=self._file, text=self._text, name=key, at=line)
            for value, line in zip(values, lines, strict=True)
        ]

    def items(self) -> list[tuple[str, Any]]:
        """Every key with its value as TOML has it; all of them count as known."""
        self._known.update(self._values)
        return list(self._values.items())

    def string(self, key: str, low: int, high: int, *, default: str | None = None) -> str:
        """Printable text of `low` to `high` characters."""
        value = self._get(key, default)
        if not isinstance(value, str) or not value.isprintable() or not low <= len(value.strip()) == len(value) <= high:
            raise self.bad(key, f"write {low} to {high} printable characters in quotes, no space at the ends")
        return value

    def aet(self, key: str) -> str:
        """An AE title."""
        value = self.string(key, 1, 16)
        if not is_aet(value):
            raise self.bad(key, "an AE title has 1 to 16 ASCII characters, no backslash, no leading or trailing space")
        return value

    def address(self, key: str, *, default: str | None = None) -> Address:
        """HOST:PORT."""
        return self._parsed(key, Address.parse, self.string(key, 1, 300, default=default))

    def parsed(self, key: str, parse: Callable[[str], T], *, default: str = "") -> T | None:
        """A text that `parse` reads or refuses as in `parsed_list`; None when it is empty or missing."""
        text = self.string(key, 0, 1_024, default=default)
        return self._parsed(key, parse, text) if text else None

    def number(self, key: str, *, default: float, low: float, high: float) -> float:
        """A number within bounds, both included."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.bad(key, f"write a number from {low:g} to {high:g}")
        return float(value)

    def whole(self, key: str, *, default: int, low: int, high: int) -> int:
        """A whole number within bounds, both included."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.bad(key, f"write a whole number from {low} to {high}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.bad(key, "write true or false")
        return value

    def moment(self, key: str) -> float | None:
        """Unix seconds of a date and time with its zone, or of the end of a date in UTC; None when missing."""
        value = self._get(key, False)
        if value is False:
            return None
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            return value.timestamp()
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return datetime.datetime.combine(value, datetime.time(), datetime.UTC).timestamp() + 86_400.0
        raise self.bad(key, "write a date, 2027-01-31, or a time with its zone, 2027-01-31T18:00:00+01:00; no quotes")

    def parsed_list(self, key: str, parse: Callable[[str], T], *, may_be_text: bool = False) -> tuple[T, ...]:
        """A list of texts, each of which `parse` reads or refuses with a WireError or BadConfiguration.

        With `may_be_text`, one text alone stands for a list of it.
        """
        value = self._get(key, [])
        if may_be_text and isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.bad(key, "write a list of texts, e.g. []")
        return tuple(self._parsed(key, parse, text) for text in value)

    def refuse_unknown(self) -> None:
        """Refuse keys that nothing has asked for.

        Raises:
            BadConfiguration: there is one.
        """
        if unknown := sorted(self._values.keys() - self._known):
            raise self.bad(unknown[0], f"is not known here; known are {', '.join(sorted(self._known))}")

    def _get(self, key: str, default: Any = None) -> Any:
        self._known.add(key)
        value = self._values.get(key, default)
        if value is None:
            raise self.bad(key, "is missing; add it")
        return value

    def _parsed(self, key: str, parse: Callable[[str], T], text: str) -> T:
        try:
            return parse(text)
        except (WireError, BadConfiguration) as error:
            raise self.bad(key, error.detail) from None


def line_of(text: str, table: str, key: str) -> int:
    """The line of a key, or of its table's header where the key is missing; 0 when neither can be told."""
    inside, header = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*\[+\s*([\w.-]+)\s*\]", line):
            inside = found[1]
            header = number if inside == (table or key) else header
        written = re.match(r"\s*([\w.-]+)\s*=", line)
        if written and (inside + "." if inside else "") + written[1] == (table + "." if table else "") + key:
            return number
    return header


def line_below(text: str, header: int, key: str) -> int:
    """The line of a key in the table whose header is at a line; the header's where the key is missing."""
    for number, line in enumerate(text.splitlines()[header:], header + 1):
        if line.lstrip().startswith("["):
            break
        if (written := re.match(r"\s*([\w.-]+)\s*=", line)) and written[1] == key:
            return number
    return header


def _is_header(line: str, key: str) -> bool:
    found = re.match(r"\s*\[\[\s*([\w.-]+)\s*\]\]", line)
    return found is not None and found[1] == key
