"""Lossless codings of one chunk each, the processes that do them, and which of them to take."""
