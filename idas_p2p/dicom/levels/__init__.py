"""Levels applied to data sets: names obscured, or all de-identified by PS3.15 Annex E; pixels left as they are."""
