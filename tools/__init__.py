"""Benchmarks, laboratory and demonstration; run from a checkout."""
