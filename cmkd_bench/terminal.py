"""Text that comes from files and programs, shown so that it cannot control the terminal or hide in a page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# Control characters except tab and newline, line separators, marks that reverse the direction of text, surrogates.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""Return the text with control characters shown as Python writes them, e.g. `\x1b` for escape."""
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def replace_unencodable(*streams: TextIO) -> None:
    """Let streams print a question mark for a character that their encoding lacks, instead of an error."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


class Terminal(Console):
    """A rich console that shows control characters in what it prints; its own colors and cursor moves still work.

    A character that the encoding of its file lacks becomes a question mark.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render an object into segments, as `Console` does, with visible texts."""
        if isinstance(renderable, Text) and _HIDDEN.search(renderable.plain):
            renderable = _visible_text(renderable)  # before it is wrapped, so that the longer text fits
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(self._encodable(visible(segment.text)), segment.style)

    def _encodable(self, text: str) -> str:
        return text if text.isascii() else text.encode(self.encoding, "replace").decode(self.encoding)


def _visible_text(text: Text) -> Text:
    """Return a visible text in the text's style; the styles of parts of it are lost."""
    return Text(
        visible(text.plain),
        text.style,
        justify=text.justify,
        overflow=text.overflow,
        no_wrap=text.no_wrap,
        end=text.end,
    )
