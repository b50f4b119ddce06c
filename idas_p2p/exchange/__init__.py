"""Two nodes speak about studies over a secure channel: find and fetch."""
