"""Tests of the interoperability matrix."""
