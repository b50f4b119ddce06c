"""A secure byte channel to a named node."""
