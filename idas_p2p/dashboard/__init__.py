"""Node status to rich renderables."""
