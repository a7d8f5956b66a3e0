"""The version of the code that produced a result."""

from __future__ import annotations

import functools
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def package_version() -> str:
    """Return the version of this package."""
    try:
        return version("cmkd-bench")
    except PackageNotFoundError:
        return "unknown"


@functools.cache
def code_version() -> str:
    """Return the package's version and, in a git checkout, the commit, with `+changed` if files differ from it."""
    number, commit = package_version(), _git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return number
    return f"{number} ({commit}{'+changed' if _git('status', '--porcelain', '--untracked-files=no') else ''})"


def _git(*arguments: str) -> str:
    folder = Path(__file__).resolve().parent.parent
    if not (folder.parent / ".git").exists():  # an installed copy inside another repository
        return ""
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
