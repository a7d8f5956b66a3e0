"""What is wrong with a stored file: one exception with its path and the reason, so that each command can decide."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cmkd_bench.errors import UserError

RERUN = "Rerun the command of the experiment: it sets the file aside and repeats this run."
REWRITE = "Rerun the command of the experiment: it sets the file aside and writes it anew."
MOST_NAMED = 5


class Damaged(UserError):
    """A stored file that cannot be used as it is.

    Args:
        path: the file.
        reason: what is wrong with it, e.g. `is empty`.
        repair: what to do about it.
    """

    def __init__(self, path: Path, reason: str, repair: str = RERUN) -> None:
        self.path, self.reason, self.repair = path, reason, repair
        super().__init__(f"{path} {reason}. {repair}")


class OtherVersion(UserError):
    """A file that another version of cmkd-bench wrote."""

    def __init__(self, path: Path, found: object, expected: int) -> None:
        super().__init__(
            f"{path} was written by another version of cmkd-bench: its results have version {found}, and those of this "
            f"version have {expected}. Read it with the version that wrote it, or run the grid under another "
            "--experiment."
        )


def named(found: Iterable[Damaged], experiment: str, place: str = "") -> list[str]:
    """Return one line for each of the first damaged files, and how to list the rest.

    Args:
        found: the damage.
        experiment: name of the experiment.
        place: options that the printed command needs to find the experiment.
    """
    lines = [f"damaged: {one}" for one in found]
    if len(lines) <= MOST_NAMED:
        return lines
    rest = f"and {len(lines) - MOST_NAMED} more damaged files; list them: cmkd-bench doctor {experiment}{place}"
    return [*lines[:MOST_NAMED], rest]
