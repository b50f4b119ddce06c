"""Tests of idas_p2p/store."""
