"""The recordings of SUN RGB-D: images of one camera without a gap in their numbers or times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

PLACE = re.compile(r"(xtion/sun3ddata/[^/]+)/.+")
NUMBERED = re.compile(r"kv1/(?:NYUdata/NYU|b3dodata/img_)(\d+)")
TIMED = re.compile(r"\w+/\w+/(?:\d+_)?(?:long_)?(\d{4})" + r"[-_](\d\d?)" * 5 + r"(?:[-_].*)?")
ALIGNED = ("kv2/align_kv2", "xtion/xtion_align_data", "realsense/shr")  # three cameras, carried together
LONGEST_BREAK = 600.0  # seconds within a recording


def recordings(names: Sequence[str], training: int) -> list[str]:
    """Return the recording of each image: the place in sun3ddata, otherwise the name of the recording's first image.

    Args:
        names: names of the training images, then of the test images; no recording continues from one to the other.
        training: number of training images.
    """
    return [*_recordings(names[:training]), *_recordings(names[training:])]


def _recordings(names: Sequence[str]) -> list[str]:
    """Cut the images of each camera where their numbers or times have a gap."""
    groups = {name: match[1] if (match := PLACE.fullmatch(name)) else name for name in names}
    positions = sorted((camera(name), *found, name) for name in names if (found := _position(name)) is not None)
    for (own, before, _, first), (other, position, gap, name) in pairwise(positions):
        if own == other and position - before <= gap:
            groups[name] = groups[first]
    return [groups[name] for name in names]


def camera(name: str) -> str:
    """Return the camera of an image; cameras that were carried together count as one."""
    own = "/".join(name.split("/")[:2])
    return "aligned" if own in ALIGNED else own


def _position(name: str) -> tuple[float, float] | None:
    """Return the number or the time in seconds of an image, and the longest gap in a recording; None for neither."""
    if match := NUMBERED.fullmatch(name):
        return float(match[1]), 1.0
    if match := TIMED.fullmatch(name):
        year, month, day, *rest = map(int, match.groups())
        hours, minutes, seconds = rest
        return date(year, month, day).toordinal() * 86400.0 + hours * 3600 + minutes * 60 + seconds, LONGEST_BREAK
    return None
