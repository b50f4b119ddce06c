"""Bytes to frozen dataclasses and back: no I/O, no clock, no keys."""
