"""The node's database and its files on disk."""
