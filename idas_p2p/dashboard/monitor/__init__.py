"""The dashboard: what a running node does now, on a terminal."""
