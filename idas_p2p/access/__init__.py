"""Federations, users, policy, tickets and audit: who may see what."""
