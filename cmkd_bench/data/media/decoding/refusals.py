"""Checks of every file before decoding, which give a better reason than a decoder's error."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_WEB_PAGE = (b"<!doctype html", b"<html")


class BadClip(Exception):
    """Raised for a clip that cannot be used; the text is the reason in skipped.csv."""


def media_file(root: Path, path: str) -> Path:
    """Return the file at a path below the root, after checking that it exists and can be a media file.

    Args:
        root: the dataset's.
        path: relative to it, with `/`.

    Raises:
        BadClip: if the path leaves the root, or the file is missing, empty, a git-lfs pointer or a web page.
    """
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts:
        raise BadClip("the path leads out of the dataset's folder")
    file = root / path
    try:
        with file.open("rb") as stream:
            head = stream.read(len(_LFS_POINTER))
    except FileNotFoundError:
        raise BadClip("missing") from None
    except OSError as error:
        raise BadClip(f"cannot be opened: {error.strerror}") from None
    if not head:
        raise BadClip("empty file")
    if head == _LFS_POINTER:
        raise BadClip("git-lfs pointer instead of the file: run git lfs pull")
    if head.lower().startswith(_WEB_PAGE):
        raise BadClip("web page instead of the file: the download failed")
    return file


def tolerance(length: float) -> float:
    """Return how many seconds before its end a clip of that length may stop and still count as complete.

    Cutting tools round to frames, and a file's header states the longer duration of sound and picture.
    """
    return min(1.0, 0.1 * length)
