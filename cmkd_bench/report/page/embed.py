"""Pictures as they stand in the page: packed, because nine tenths of a vector picture are repetition."""

from __future__ import annotations

import base64
import gzip
import re
import struct
from dataclasses import dataclass

from cmkd_bench.report.plots.style import DPI

TYPES = {"svg": "image/svg+xml", "png": "image/png"}
_SVG_SIZE = re.compile(rb'<svg\b[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"')
_PNG_SIZE = slice(16, 24)  # of every PNG: two numbers of four bytes
_PER_INCH = 96  # pixels of a browser


@dataclass(frozen=True)
class Figure:
    """A picture as it stands in the page.

    An image and no part of the page: its names for clips and glyphs cannot meet those of another picture, and nothing
    in it can run.

    Attributes:
        title: what is seen.
        kind: its type for a browser.
        packed: all of it, packed by gzip, in base64.
        width: in a browser's pixels, so that nothing moves when it is unpacked; None where it does not say.
        height: likewise.
    """

    title: str
    kind: str
    packed: str
    width: int | None
    height: int | None


def figure(title: str, content: bytes, file_format: str) -> Figure:
    """A picture from the bytes of its file; the same bytes give the same figure.

    Args:
        title: what is seen.
        content: of the file.
        file_format: one of TYPES.
    """
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    return Figure(title, TYPES[file_format], packed, *(_size(content, file_format) or (None, None)))


def _size(content: bytes, file_format: str) -> tuple[int, int] | None:
    if file_format == "png" and len(content) >= _PNG_SIZE.stop:
        found, unit = struct.unpack(">II", content[_PNG_SIZE]), DPI
    elif match := _SVG_SIZE.search(content[:2000]):
        found, unit = (float(match[1]), float(match[2])), 72
    else:
        return None
    width, height = (round(length * _PER_INCH / unit) for length in found)
    return width, height
