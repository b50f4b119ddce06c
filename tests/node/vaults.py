"""A place for small values, without a database."""

from __future__ import annotations


class MemoryVault:
    """Values by key."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def value(self, key: str) -> bytes | None:
        return self._values.get(key)

    def set_value(self, key: str, value: bytes) -> None:
        self._values[key] = value
