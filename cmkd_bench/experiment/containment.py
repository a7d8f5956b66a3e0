"""What a stored experiment may not do: lead out of its folder by a name or a link, or exhaust memory by its JSON."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from cmkd_bench.errors import UserError

LARGEST_JSON = 2**30  # bytes; the index of the largest dataset has 30 MB, the plan of 100,000 cells 40 MB
DEEPEST_JSON = 32  # lists and objects within each other; our own files have at most 6
_TOO_DEEP = f"contains lists and objects nested more than {DEEPEST_JSON} deep"
_RUN_ID = re.compile(r"[0-9a-f]{12}")


class NotJson(Exception):
    """Content that is no JSON of cmkd-bench; the message continues a sentence that begins with the file's name."""


class LeadsOut(UserError):
    """A name or a link that leads out of an experiment's folder."""


def check_run_id(run_id: str) -> str:
    """Return the id of a run.

    Raises:
        LeadsOut: if it is none, so that it could be a path.
    """
    if not _RUN_ID.fullmatch(str(run_id)):
        raise LeadsOut(f"{str(run_id)!r} is not the id of a run, which has 12 hexadecimal digits.")
    return run_id


def check_folder(folder: Path, root: Path) -> None:
    """Check that neither a folder nor a file in it is a symbolic link out of the root.

    Args:
        folder: below the root; need not exist.
        root: the experiment's folder, which may be a link itself.

    Raises:
        LeadsOut: with the first link, and where it leads.
    """
    parents = [one for one in (folder, *folder.parents) if one != root and one.is_relative_to(root)]
    try:
        entries = [Path(entry.path) for entry in os.scandir(folder) if entry.is_symlink()]
    except OSError:
        entries = []
    for path in (*parents, *entries):
        if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
            raise LeadsOut(
                f"{path} is a symbolic link out of the experiment, to {path.resolve()}. It is not followed. Replace it "
                "with what it leads to, or remove it."
            )


def is_contained(folder: Path, root: Path) -> bool:
    """Return whether `check_folder` finds no link out of the root."""
    try:
        check_folder(folder, root)
    except LeadsOut:
        return False
    return True


def read_bounded(path: Path) -> bytes:
    """Return the content of a file that is not too large for JSON.

    Raises:
        NotJson: if it is.
    """
    if (size := path.stat().st_size) > LARGEST_JSON:
        raise NotJson(f"is too large for a JSON file of cmkd-bench: {size / 1e9:.1f} GB")
    return path.read_bytes()


def parse_bounded(content: bytes) -> Any:
    """Return the values of JSON that is not nested too deeply.

    Raises:
        NotJson: if it is, or is not JSON.
    """
    try:
        values = json.loads(content)
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except ValueError:
        raise NotJson(
            "is not JSON" if content.strip(b"\0") else "contains only zeros" if content else "is empty"
        ) from None
    level = [values]
    for _ in range(DEEPEST_JSON):
        level = [child for one in level for child in _children(one) if isinstance(child, list | dict)]
        if not level:
            return values
    raise NotJson(_TOO_DEEP)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
