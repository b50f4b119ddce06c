"""Run with `python -m bootstrap`; see commands.py."""

import sys

from bootstrap.commands import main

sys.exit(main())
