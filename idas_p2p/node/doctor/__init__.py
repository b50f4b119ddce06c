"""The doctor: looks at everything a node needs, and says of each fault what to do next."""
