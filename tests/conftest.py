"""What every test shares: how many examples hypothesis tries, and when real peers may be missing."""

from __future__ import annotations

import os

import hypothesis

# the same examples each time, so that a red run is about the change; `make fuzz` looks for new ones
hypothesis.settings.register_profile("quick", max_examples=100, deadline=None, derandomize=True)
hypothesis.settings.register_profile(
    "fuzz", max_examples=int(os.environ.get("IDAS_FUZZ_EXAMPLES", "100")), deadline=None
)
hypothesis.settings.load_profile("fuzz" if "IDAS_FUZZ_EXAMPLES" in os.environ else "quick")
