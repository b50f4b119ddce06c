"""Joins the wings: one file for each thing a user asks."""
