"""pydicom and pynetdicom say nothing: their logs, warnings and tracebacks quote names, UIDs and AE titles.

Belongs here: switching them off, once, when the room is entered. Not here: our own log (events.py).
"""

from __future__ import annotations

import logging
import warnings
from typing import Final

from pydicom import config
from pynetdicom import _config

LIBRARIES: Final = ("pynetdicom", "pydicom")


def silence() -> None:
    """Switch off everything the libraries would print or log. Idempotent."""
    _config.LOG_HANDLER_LEVEL = "none"  # its handlers log identifiers and PDUs
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    config.settings.reading_validation_mode = config.IGNORE  # it warns with the value it dislikes
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
        warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")
