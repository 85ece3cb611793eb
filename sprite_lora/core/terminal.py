"""What tools print: consoles as wide as they are read, JSON."""

import json
import math
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from sprite_lora.core.plain_text import CONTROL, PlainStream, harmless


def console(width: int = 160) -> Console:
    """A console as wide as the terminal, or `width` columns where the output is a file or a pipe.

    Text is printed as it is: square brackets are no markup. Control characters in it are replaced; colours are the
    console's own.
    """
    stream = sys.stdout.stream if isinstance(sys.stdout, PlainStream) else None
    return _Console(file=stream, width=None if sys.stdout.isatty() else width, markup=False, highlight=False)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # errors.run ends quietly

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Everything that is printed passes here, cells of tables too."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=CONTROL.sub(harmless, segment.text))


def print_json(content: Any) -> None:
    """Print JSON values; infinities, NaN and bytes of names that are not UTF-8, which JSON does not have, as text."""
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)
    print(CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return str(content) if isinstance(content, float) and not math.isfinite(content) else content
