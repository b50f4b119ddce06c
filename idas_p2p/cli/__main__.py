"""`python -m idas_p2p.cli`: the `idas` command where it is not on the PATH."""

from __future__ import annotations

import sys

from idas_p2p.cli.main import main

sys.exit(main())
