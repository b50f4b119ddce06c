"""The distributed hash table: who holds what, without ever seeing a patient."""
