"""What a renderable looks like on a terminal of a given width, without colours."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def drawn(renderable: RenderableType, *, width: int = 240) -> str:
    """The lines shown, as one text."""
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False, markup=False, emoji=False, color_system=None).print(renderable)
    return stream.getvalue()
