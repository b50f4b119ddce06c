"""The audit log: what is recorded, how records are chained, signed and proved, and how they look to a collector."""
